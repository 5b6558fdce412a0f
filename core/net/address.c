// address.c -- see address.h for the contract.
//
// After the IANA special-purpose registries (IPv4: RFC 6890 and updates; IPv6:
// RFC 6890, 9637). Where a block holds a few reachable exceptions (anycast
// addresses in 192.0.0.0/24 and 2001::/23) the whole block counts as special.

#include "net/address.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

struct block4 {
  uint32_t network;
  unsigned bits;
};

#define IPV4(a, b, c, d)                                                       \
  ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))

static const struct block4 special4[] = {
    {IPV4(0, 0, 0, 0), 8},       // this network
    {IPV4(10, 0, 0, 0), 8},      // private
    {IPV4(100, 64, 0, 0), 10},   // shared by carriers (RFC 6598)
    {IPV4(127, 0, 0, 0), 8},     // loopback
    {IPV4(169, 254, 0, 0), 16},  // link-local, cloud metadata
    {IPV4(172, 16, 0, 0), 12},   // private
    {IPV4(192, 0, 0, 0), 24},    // IETF protocol assignments
    {IPV4(192, 0, 2, 0), 24},    // documentation
    {IPV4(192, 88, 99, 0), 24},  // 6to4 relays, withdrawn
    {IPV4(192, 168, 0, 0), 16},  // private
    {IPV4(198, 18, 0, 0), 15},   // benchmarking
    {IPV4(198, 51, 100, 0), 24}, // documentation
    {IPV4(203, 0, 113, 0), 24},  // documentation
    {IPV4(224, 0, 0, 0), 3},     // multicast, reserved, broadcast
};

struct block6 {
  uint8_t network[16];
  unsigned bits;
};

// What is special inside 2000::/3; all outside of it is.
static const struct block6 special6[] = {
    {{0x20, 0x01}, 23},             // IETF protocol assignments
    {{0x20, 0x01, 0x0D, 0xB8}, 32}, // documentation
    {{0x3F, 0xFF}, 20},             // documentation
};

static const struct block6 global6 = {{0x20}, 3};

// Prefixes with an IPv4 address at byte `at` of what follows; `flipped` if
// its bits are inverted.
static const struct {
  struct block6 block;
  unsigned at;
  bool flipped;
} wrappers[] = {
    {{{[10] = 0xFF, [11] = 0xFF}, 96}, 12, false}, // mapped
    {{{0, 0x64, 0xFF, 0x9B}, 96}, 12, false},      // NAT64
    {{{0x20, 0x02}, 16}, 2, false},                // 6to4
    {{{0x20, 0x01, 0, 0}, 32}, 12, true},          // Teredo client
};

static bool public4(uint32_t address)
{
  for (size_t i = 0; i < sizeof(special4) / sizeof(*special4); i++) {
    uint32_t mask = UINT32_MAX << (32 - special4[i].bits);
    if ((address & mask) == special4[i].network) return false;
  }
  return true;
}

static bool in_block6(const uint8_t *address, const struct block6 *block)
{
  unsigned whole = block->bits / 8, rest = block->bits % 8;
  if (memcmp(address, block->network, whole)) return false;
  if (rest == 0) return true;
  unsigned mask = 0xFFU << (8 - rest) & 0xFFU;
  return (address[whole] & mask) == (block->network[whole] & mask);
}

static uint32_t read4(const uint8_t *bytes)
{
  return IPV4(bytes[0], bytes[1], bytes[2], bytes[3]);
}

static bool public6(const uint8_t *address)
{
  for (size_t i = 0; i < sizeof(wrappers) / sizeof(*wrappers); i++) {
    if (!in_block6(address, &wrappers[i].block)) continue;
    uint32_t inside = read4(address + wrappers[i].at);
    return public4(wrappers[i].flipped ? ~inside : inside);
  }
  if (!in_block6(address, &global6)) return false;
  for (size_t i = 0; i < sizeof(special6) / sizeof(*special6); i++)
    if (in_block6(address, &special6[i])) return false;
  return true;
}

bool address_is_public(const struct sockaddr *address)
{
  if (address->sa_family == AF_INET) {
    struct sockaddr_in in;
    memcpy(&in, address, sizeof(in));
    return public4(ntohl(in.sin_addr.s_addr));
  }
  if (address->sa_family == AF_INET6) {
    struct sockaddr_in6 in6;
    memcpy(&in6, address, sizeof(in6));
    return public6(in6.sin6_addr.s6_addr);
  }
  return false;
}
