/*
 * address: internet addresses as the server needs them: where to listen, who the peer is, and which peers
 * are our own proxies. IPv4 is kept as the IPv4-mapped IPv6 address, so that one form is compared
 * everywhere.
 */
#pragma once

#include "kit/http.h"

#include <netinet/in.h>
#include <sys/socket.h>

enum {
	ADDRESS_TEXT_SIZE = INET6_ADDRSTRLEN,
	ADDRESS_RANGES_MAX = 32,
};

struct address {
	uint8_t bytes[16];
};

struct address address_from_socket(const struct sockaddr_storage *from);
/*
 * Reads "192.0.2.1", "192.0.2.1:80", "2001:db8::1" or "[2001:db8::1]:80"; the port is dropped. False for
 * anything else.
 */
MUST_CHECK bool address_parse(struct http_slice text, struct address *address_out);
/* IPv4-mapped addresses are written as IPv4. */
void address_format(const struct address *address, char text_out[ADDRESS_TEXT_SIZE]);

/* A list of CIDRs. */
struct address_ranges {
	size_t count;
	struct address_range {
		struct address prefix;
		unsigned bits;
	} ranges[ADDRESS_RANGES_MAX];
};
/* Reads "10.0.0.0/8, 192.0.2.7, fd00::/8"; NULL or "" is no range. False for anything else. */
MUST_CHECK bool address_parse_ranges(const char *list, struct address_ranges *ranges_out);
bool address_in_ranges(const struct address_ranges *ranges, const struct address *address);

/* A socket address to listen on. */
struct listen_address {
	struct sockaddr_storage socket;
	socklen_t size;
	bool is_loopback;
};
/* Resolves "127.0.0.1:8080", "[::]:8443" or "localhost:0" to its first address. False: no such address. */
MUST_CHECK bool listen_address_parse(const char *text, struct listen_address *address_out);
