// address.h -- which addresses are nobody's business from a script.

#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <stdbool.h>

struct sockaddr;

// True for an ordinary public unicast address. False for loopback, private
// (RFC 1918, 6598, ULA), link-local, multicast, unspecified, documentation,
// benchmarking, reserved ranges, and for any of these wrapped in IPv4-mapped,
// NAT64 (64:ff9b::/96), 6to4 or Teredo IPv6.
bool address_is_public(const struct sockaddr *address);

#endif
