#include "gateway/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

static struct address from_v4(const struct in_addr *v4)
{
	struct address address;

	memcpy(address.bytes, mapped_prefix, sizeof(mapped_prefix));
	memcpy(address.bytes + 12, v4, 4);
	return address;
}

static bool is_v4(const struct address *address)
{
	return memcmp(address->bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

struct address address_from_socket(const struct sockaddr_storage *from)
{
	struct address address = { 0 };

	if (from->ss_family == AF_INET)
		return from_v4(&((const struct sockaddr_in *)from)->sin_addr);
	if (from->ss_family == AF_INET6)
		memcpy(address.bytes, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
	return address;
}

/*
 * Takes the port off "host:port" and the brackets off "[host]". A bare IPv6 address has several colons and
 * no brackets.
 */
static struct http_slice host_of(struct http_slice text)
{
	const char *colon = memchr(text.data, ':', text.size), *end = text.data + text.size;

	if (text.size > 0 && text.data[0] == '[') {
		const char *bracket = memchr(text.data, ']', text.size);

		return bracket ? (struct http_slice){ text.data + 1, (size_t)(bracket - text.data - 1) }
			       : text;
	}
	if (colon && !memchr(colon + 1, ':', (size_t)(end - colon - 1)))
		text.size = (size_t)(colon - text.data);
	return text;
}

bool address_parse(struct http_slice text, struct address *address_out)
{
	struct http_slice host = text.data ? host_of(text) : text;
	char copy[ADDRESS_TEXT_SIZE];
	struct in_addr v4;

	if (host.size == 0 || host.size >= sizeof(copy))
		return false;
	memcpy(copy, host.data, host.size);
	copy[host.size] = '\0';
	if (inet_pton(AF_INET, copy, &v4) == 1) {
		*address_out = from_v4(&v4);
		return true;
	}
	return inet_pton(AF_INET6, copy, address_out->bytes) == 1;
}

void address_format(const struct address *address, char text_out[ADDRESS_TEXT_SIZE])
{
	if (is_v4(address))
		inet_ntop(AF_INET, address->bytes + 12, text_out, ADDRESS_TEXT_SIZE);
	else
		inet_ntop(AF_INET6, address->bytes, text_out, ADDRESS_TEXT_SIZE);
}

static bool parse_range(struct http_slice text, struct address_range *range_out)
{
	const char *slash = memchr(text.data, '/', text.size);
	struct http_slice host = { text.data, slash ? (size_t)(slash - text.data) : text.size };
	unsigned bits = 0;

	if (!address_parse(host, &range_out->prefix))
		return false;
	unsigned widest = is_v4(&range_out->prefix) ? 32 : 128;

	if (slash == text.data + text.size - 1)
		return false;
	for (const char *at = slash ? slash + 1 : NULL; at && at < text.data + text.size; at++) {
		if (*at < '0' || *at > '9' || bits > widest)
			return false;
		bits = bits * 10 + (unsigned)(*at - '0');
	}
	if (bits > widest)
		return false;
	range_out->bits = slash ? bits + 128 - widest : 128;
	return true;
}

bool address_parse_ranges(const char *list, struct address_ranges *ranges_out)
{
	struct http_slice rest = { list, list ? strlen(list) : 0 }, member;
	struct address_ranges ranges = { 0 };

	while (http_list_next(&rest, &member))
		if (ranges.count == ADDRESS_RANGES_MAX ||
			!parse_range(member, &ranges.ranges[ranges.count++]))
			return false;
	*ranges_out = ranges;
	return true;
}

static bool in_range(const struct address_range *range, const struct address *address)
{
	unsigned whole = range->bits / 8, rest = range->bits % 8;

	if (memcmp(range->prefix.bytes, address->bytes, whole) != 0)
		return false;
	return rest == 0 || ((range->prefix.bytes[whole] ^ address->bytes[whole]) >> (8 - rest)) == 0;
}

bool address_in_ranges(const struct address_ranges *ranges, const struct address *address)
{
	for (size_t i = 0; i < ranges->count; i++)
		if (in_range(&ranges->ranges[i], address))
			return true;
	return false;
}

static bool is_loopback(const struct sockaddr_storage *socket)
{
	struct address address = address_from_socket(socket);

	return is_v4(&address) ? address.bytes[12] == 127 : memcmp(address.bytes, &in6addr_loopback, 16) == 0;
}

bool listen_address_parse(const char *text, struct listen_address *address_out)
{
	const char *colon = strrchr(text, ':');
	struct http_slice host = { text, colon ? (size_t)(colon - text) : 0 };
	struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM },
			*found;
	char name[256];

	if (host.size >= 2 && host.data[0] == '[' && host.data[host.size - 1] == ']')
		host = (struct http_slice){ host.data + 1, host.size - 2 };
	if (host.size == 0 || host.size >= sizeof(name) || colon[1] == '\0')
		return false;
	memcpy(name, host.data, host.size);
	name[host.size] = '\0';
	if (getaddrinfo(name, colon + 1, &hints, &found) != 0)
		return false;
	memset(address_out, 0, sizeof(*address_out));
	memcpy(&address_out->socket, found->ai_addr, found->ai_addrlen);
	address_out->size = found->ai_addrlen;
	address_out->is_loopback = is_loopback(&address_out->socket);
	freeaddrinfo(found);
	return true;
}
