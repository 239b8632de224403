/*
 * Which addresses a webhook may reach. Decided about the address that is being connected to, at that moment:
 * whatever a name resolved to before, and whatever it will resolve to, does not matter.
 *
 * Refused: this host, private, link-local (cloud metadata among them), shared (CGNAT), documentation,
 * benchmarking, multicast and reserved networks of IPv4 and IPv6, and IPv6 forms that carry an IPv4 address
 * (mapped, compatible, NAT64, 6to4, Teredo) by what they carry or as a whole. An allow list
 * (GUANXI_WEBHOOK_ALLOW) makes exceptions.
 */
#pragma once
#include <stdbool.h>
#include <sys/socket.h>

/* Reads the allow list: networks in CIDR notation, separated by commas. Ends the process when one is none.
 * Once, before threads. */
void address_allow(const char *networks);
/* Whether the list has any. */
bool address_any_allowed(void);
bool address_is_allowed(const struct sockaddr *address);
/* Public, or allowed. */
bool address_may_connect(const struct sockaddr *address);
