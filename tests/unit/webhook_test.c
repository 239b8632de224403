/* What a webhook needs to know before anything is sent: which addresses, when again, and how it signs. */
#include "kit/arena.h"
#include "notification/address.h"
#include "notification/schedule.h"
#include "notification/secret.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* --- addresses */

static bool may_connect(const char *text)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return address_may_connect((struct sockaddr *)&v4);
	assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
	return address_may_connect((struct sockaddr *)&v6);
}

static void private_addresses_are_refused_in_every_form(void **state)
{
	static const char *const refused[] = { "0.0.0.0", "10.0.0.1", "10.255.255.255", "100.64.0.1",
		"100.127.255.254", "127.0.0.1", "127.255.255.255", "169.254.169.254", "172.16.0.1",
		"172.31.255.255", "192.0.0.192", "192.168.1.1", "198.18.0.1", "203.0.113.9", "224.0.0.1",
		"255.255.255.255", "::", "::1", "::10.0.0.1", "::ffff:127.0.0.1", "::ffff:10.1.2.3",
		"::ffff:169.254.169.254", "64:ff9b::a00:1", "2001:db8::1", "2002:a00:1::", "2001::1",
		"fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1" };

	(void)state;
	address_allow("");
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		if (may_connect(refused[i]))
			fail_msg("%s", refused[i]);
}

static void public_addresses_just_outside_of_private_networks_are_reached(void **state)
{
	static const char *const reached[] = { "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255",
		"100.128.0.0", "126.255.255.255", "128.0.0.1", "169.253.255.255", "169.255.0.0",
		"172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0", "198.17.255.255",
		"198.20.0.0", "223.255.255.255", "2606:4700::1111", "::ffff:1.1.1.1", "2400:3200::1",
		"2003::1" };

	(void)state;
	address_allow("");
	for (size_t i = 0; i < sizeof reached / sizeof *reached; i++)
		if (!may_connect(reached[i]))
			fail_msg("%s", reached[i]);
}

static void an_allow_list_makes_exceptions_and_no_more(void **state)
{
	(void)state;
	address_allow("127.0.0.1/32,10.1.0.0/16,fd12::/16");
	assert_true(address_any_allowed());
	assert_true(may_connect("127.0.0.1"));
	assert_true(may_connect("::ffff:127.0.0.1"));
	assert_false(may_connect("127.0.0.2"));
	assert_true(may_connect("10.1.255.255"));
	assert_false(may_connect("10.2.0.0"));
	assert_true(may_connect("fd12::1"));
	assert_false(may_connect("fd13::1"));
	address_allow("");
	assert_false(address_any_allowed());
	assert_false(may_connect("127.0.0.1"));
}

static void only_internet_addresses_are_addresses(void **state)
{
	struct sockaddr unix_socket = { .sa_family = AF_UNIX };

	(void)state;
	address_allow("0.0.0.0/0,::/0");
	assert_false(address_may_connect(&unix_socket));
}

/* --- when again */

static void ten_tries_take_three_days(void **state)
{
	int64_t whole_ms = 0;

	(void)state;
	schedule_read("0,5,300,1800,7200,18000,36000,50400,72000,86400");
	assert_int_equal(schedule_tries(), 10);
	for (unsigned tries = 1; tries < 10; tries++)
		whole_ms += schedule_delay_ms(
			tries, 0, (uint32_t)(schedule_delay_ms(tries, 0, 0) / 4)); /* no jitter */
	assert_in_range(whole_ms, 72 * 3600000LL, 80 * 3600000LL);
	assert_int_equal(schedule_delay_ms(10, 0, 0), -1);
}

static void jitter_stays_within_a_fifth(void **state)
{
	(void)state;
	schedule_read("0,100");
	for (uint32_t random = 0; random < 100000; random += 7)
		assert_in_range(schedule_delay_ms(1, 0, random), 80000, 120000);
	assert_int_equal(schedule_delay_ms(1, 0, 0), 80000);
	assert_int_equal(schedule_delay_ms(1, 0, 40000), 120000);
	assert_int_equal(schedule_delay_ms(0, 0, 12345), 0);
}

static void retry_after_delays_but_never_hastens(void **state)
{
	(void)state;
	schedule_read("0,100");
	assert_int_equal(schedule_delay_ms(1, 1000, 0), 1000000);
	assert_int_equal(schedule_delay_ms(1, 1, 0), 80000);
	assert_int_equal(schedule_delay_ms(2, 1000, 0), -1);
}

static void retry_after_is_seconds_or_a_date(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds; /* -1: refused */
	} cases[] = {
		{ "0", 0 },
		{ "120", 120 },
		{ "86401", SCHEDULE_RETRY_AFTER_MAX_S },
		{ "99999999999999999999999999", SCHEDULE_RETRY_AFTER_MAX_S },
		{ "Sun, 06 Nov 1994 08:49:37 GMT", 60 },
		{ "Sun, 06 Nov 1994 08:48:37 GMT", 0 },
		{ "Sat, 05 Nov 1994 08:49:37 GMT", 0 },
		{ "Tue, 06 Nov 2035 08:49:37 GMT", SCHEDULE_RETRY_AFTER_MAX_S },
		{ "", -1 },
		{ "-1", -1 },
		{ "1.5", -1 },
		{ " 12", -1 },
		{ "12s", -1 },
		{ "Sun, 06 Nov 1994 08:49:37 UTC", -1 },
		{ "Sun, 06 ovD 1994 08:49:37 GMT", -1 },
		{ "Sun, 36 Nov 1994 08:49:37 GMT", -1 },
		{ "Sun, 06 Nov 1994 28:49:37 GMT", -1 },
		{ "Sunday, 06-Nov-94 08:49:37 GMT", -1 },
	};
	const time_t now = 784111717; /* Sun, 06 Nov 1994 08:48:37 GMT */

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t seconds = -1;
		bool read = retry_after_read(cases[i].text, strlen(cases[i].text), now, &seconds);

		if (read != (cases[i].seconds >= 0) || (read && seconds != cases[i].seconds))
			fail_msg("\"%s\": %lld", cases[i].text, (long long)seconds);
	}
}

/* --- signatures */

/* Standard Webhooks: HMAC-SHA256 over "<id>.<timestamp>.<body>"; the system tests hold it against the npm
 * library. */
static void a_signature_covers_id_timestamp_and_body(void **state)
{
	struct arena *arena = arena_new();
	struct buffer one = { .arena = arena }, two = { .arena = arena }, other = { .arena = arena };
	uint8_t secrets[2][SECRET_BYTES], mac[crypto_auth_hmacsha256_BYTES];
	static const char body[] = "{\"test\": 2432232314}",
			  content[] = "msg_p5.1614265330.{\"test\": 2432232314}";
	const struct slice bytes = { body, sizeof body - 1 };
	char expected[SIGNATURE_MAX];

	(void)state;
	memset(secrets[0], 7, SECRET_BYTES);
	memset(secrets[1], 9, SECRET_BYTES);
	secret_sign(&one, secrets, 1, "msg_p5", "1614265330", bytes);
	crypto_auth_hmacsha256(mac, (const unsigned char *)content, sizeof content - 1, secrets[0]);
	sodium_bin2base64(expected, sizeof expected, mac, sizeof mac, sodium_base64_VARIANT_ORIGINAL);
	assert_memory_equal(one.data, "v1,", 3);
	assert_string_equal(one.data + 3, expected);
	secret_sign(&two, secrets, 2, "msg_p5", "1614265330", bytes);
	assert_memory_equal(two.data, one.data, one.len);
	assert_int_equal(two.data[one.len], ' ');
	assert_memory_equal(two.data + one.len + 1, "v1,", 3);
	secret_sign(&other, secrets, 1, "msg_p5", "1614265331", bytes);
	assert_string_not_equal(other.data, one.data);
	arena_free(arena);
}

static void a_sealed_secret_opens_for_its_webhook_alone(void **state)
{
	uint8_t secret[SECRET_BYTES], opened[SECRET_BYTES], sealed[SECRET_SEALED_BYTES],
		again[SECRET_SEALED_BYTES];
	const uint8_t mine[16] = { 1 }, other[16] = { 2 };
	char text[SECRET_TEXT_MAX];

	(void)state;
	secret_open("00ff");
	secret_make(secret);
	secret_seal(secret, mine, sealed);
	secret_seal(secret, mine, again);
	assert_memory_not_equal(sealed, again, sizeof sealed);
	assert_true(secret_unseal((struct slice){ (char *)sealed, sizeof sealed }, mine, opened));
	assert_memory_equal(opened, secret, SECRET_BYTES);
	assert_false(secret_unseal((struct slice){ (char *)sealed, sizeof sealed }, other, opened));
	assert_false(secret_unseal((struct slice){ (char *)sealed, sizeof sealed - 1 }, mine, opened));
	sealed[30] ^= 1;
	assert_false(secret_unseal((struct slice){ (char *)sealed, sizeof sealed }, mine, opened));
	secret_open("00fe");
	assert_false(secret_unseal((struct slice){ (char *)again, sizeof again }, mine, opened));
	secret_to_text(secret, text);
	assert_memory_equal(text, "whsec_", 6);
	assert_int_equal(strlen(text), 6 + 44);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(private_addresses_are_refused_in_every_form),
		cmocka_unit_test(public_addresses_just_outside_of_private_networks_are_reached),
		cmocka_unit_test(an_allow_list_makes_exceptions_and_no_more),
		cmocka_unit_test(only_internet_addresses_are_addresses),
		cmocka_unit_test(ten_tries_take_three_days),
		cmocka_unit_test(jitter_stays_within_a_fifth),
		cmocka_unit_test(retry_after_delays_but_never_hastens),
		cmocka_unit_test(retry_after_is_seconds_or_a_date),
		cmocka_unit_test(a_signature_covers_id_timestamp_and_body),
		cmocka_unit_test(a_sealed_secret_opens_for_its_webhook_alone),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
