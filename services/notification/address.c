#include "notification/address.h"
#include "kit/config.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* IPv4 networks are written as IPv4-mapped IPv6: one kind of address, one comparison. */
struct network {
	uint8_t bytes[16];
	unsigned bits;
};

#define ALLOWED_MAX 32

static struct {
	struct network allowed[ALLOWED_MAX];
	size_t count;
} a;

/* IANA's special-purpose address registries (RFC 6890 and after), what is not globally reachable, and
 * multicast. */
static const char *const refused[] = {
	"0.0.0.0/8",
	"10.0.0.0/8",
	"100.64.0.0/10",
	"127.0.0.0/8",
	"169.254.0.0/16",
	"172.16.0.0/12",
	"192.0.0.0/24",
	"192.0.2.0/24",
	"192.88.99.0/24",
	"192.168.0.0/16",
	"198.18.0.0/15",
	"198.51.100.0/24",
	"203.0.113.0/24",
	"224.0.0.0/4",
	"240.0.0.0/4",
	"::/96",        /* unspecified, loopback, IPv4-compatible */
	"64:ff9b::/96", /* NAT64: leads to any IPv4 address */
	"64:ff9b:1::/48",
	"100::/64",
	"2001::/23", /* Teredo, benchmarking, ORCHID */
	"2001:db8::/32",
	"2002::/16", /* 6to4: leads to any IPv4 address */
	"3fff::/20",
	"5f00::/16",
	"fc00::/7",  /* unique local */
	"fe80::/10", /* link-local */
	"fec0::/10",
	"ff00::/8",
};

static void map(const struct in_addr *v4, uint8_t out[16])
{
	memset(out, 0, 10);
	out[10] = out[11] = 0xff;
	memcpy(out + 12, v4, 4);
}

/* False: it is no network. */
static bool read_network(const char *text, size_t len, struct network *out)
{
	char address[INET6_ADDRSTRLEN + 1], *end;
	const char *slash = memchr(text, '/', len);
	size_t address_len = slash ? (size_t)(slash - text) : len;
	struct in_addr v4;

	if (!address_len || address_len >= sizeof address)
		return false;
	memcpy(address, text, address_len);
	address[address_len] = '\0';
	bool is_v4 = inet_pton(AF_INET, address, &v4) == 1;
	unsigned most = is_v4 ? 32 : 128;

	if (is_v4)
		map(&v4, out->bytes);
	else if (inet_pton(AF_INET6, address, out->bytes) != 1)
		return false;
	unsigned long bits = slash ? strtoul(slash + 1, &end, 10) : most;

	if (slash && (end == slash + 1 || end != text + len || bits > most))
		return false;
	out->bits = (unsigned)bits + (is_v4 ? 96 : 0);
	return true;
}

static bool contains(const struct network *network, const uint8_t address[16])
{
	unsigned whole = network->bits / 8, rest = network->bits % 8;

	return !memcmp(network->bytes, address, whole) &&
	       (!rest || !((network->bytes[whole] ^ address[whole]) >> (8 - rest)));
}

void address_allow(const char *networks)
{
	a.count = 0;
	for (const char *at = networks; *at; at += strcspn(at, ","), at += *at == ',') {
		size_t len = strcspn(at, ",");

		if (a.count == ALLOWED_MAX)
			config_refuse("GUANXI_WEBHOOK_ALLOW has more than %d networks", ALLOWED_MAX);
		if (!read_network(at, len, &a.allowed[a.count]))
			config_refuse("GUANXI_WEBHOOK_ALLOW: \"%.*s\" is no network such as 10.1.0.0/16",
				(int)len, at);
		a.count++;
	}
}

bool address_any_allowed(void)
{
	return a.count > 0;
}

/* False: of a family that is neither. */
static bool bytes_of(const struct sockaddr *address, uint8_t out[16])
{
	if (address->sa_family == AF_INET)
		map(&((const struct sockaddr_in *)(const void *)address)->sin_addr, out);
	else if (address->sa_family == AF_INET6)
		memcpy(out, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
	else
		return false;
	return true;
}

bool address_is_allowed(const struct sockaddr *address)
{
	uint8_t bytes[16];

	for (size_t i = 0; bytes_of(address, bytes) && i < a.count; i++)
		if (contains(&a.allowed[i], bytes))
			return true;
	return false;
}

bool address_may_connect(const struct sockaddr *address)
{
	uint8_t bytes[16];
	struct network network;

	if (!bytes_of(address, bytes))
		return false;
	if (address_is_allowed(address))
		return true;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		if (read_network(refused[i], strlen(refused[i]), &network) && contains(&network, bytes))
			return false;
	return true;
}
