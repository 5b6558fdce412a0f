// policy.c -- the table behind policy.h.

#include "guard/policy.h"

const struct policy_field policy_fields[] = {
#define X(path, member, value, min, max, meaning)                              \
  {path, offsetof(struct policy, member), value, min, max, meaning},
    POLICY_LIST(X)
#undef X
};

const size_t policy_field_count =
    sizeof(policy_fields) / sizeof(policy_fields[0]);
_Static_assert(sizeof(policy_fields) / sizeof(policy_fields[0]) <= 64,
               "policy.said has a bit for each");

int64_t *policy_member(struct policy *p, const struct policy_field *field)
{
  return (int64_t *)(void *)((char *)p + field->offset);
}

void policy_init(struct policy *p, struct slice name)
{
  p->name = name;
  p->said = 0;
  for (size_t i = 0; i < policy_field_count; i++) {
    *policy_member(p, &policy_fields[i]) = policy_fields[i].value;
  }
}
