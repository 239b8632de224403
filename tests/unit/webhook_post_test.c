/* Where a post really goes: names that resolve to one address and later to another, over real connections on
 * loopback of which one address is allowed and the next one is not. */
#include "kit/arena.h"
#include "notification/address.h"
#include "notification/post.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

/* Two endpoints with one port: a public one, as far as the allow list goes, and one inside of the network. */
enum { OUTSIDE, INSIDE, ENDPOINTS };
static const char *const addresses[ENDPOINTS] = { "127.0.0.1", "127.0.0.2" };

static struct {
	int fds[ENDPOINTS];
	uint16_t port;
	pthread_t thread;
	_Atomic bool stopping;
	_Atomic unsigned accepted[ENDPOINTS];
} net;

static int listen_at(const char *address, uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, address, &at.sin_addr);
	if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 8)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void answer(int fd)
{
	static const char thanks[] = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
	char request[4096];
	size_t len = 0;

	while (len < sizeof request - 1) { /* the body ends in the marker that every test posts */
		ssize_t got = read(fd, request + len, sizeof request - 1 - len);

		if (got <= 0)
			break;
		len += (size_t)got;
		request[len] = '\0';
		if (strstr(request, "{\"end\":true}"))
			break;
	}
	if (write(fd, thanks, sizeof thanks - 1) < 0)
		fprintf(stderr, "the post went away\n");
	close(fd);
}

static void *serve(void *unused)
{
	struct pollfd fds[ENDPOINTS] = { { net.fds[OUTSIDE], POLLIN, 0 }, { net.fds[INSIDE], POLLIN, 0 } };

	(void)unused;
	while (!atomic_load(&net.stopping)) {
		if (poll(fds, ENDPOINTS, 20) <= 0)
			continue;
		for (int i = 0; i < ENDPOINTS; i++) {
			int fd = fds[i].revents & POLLIN ? accept(fds[i].fd, NULL, NULL) : -1;

			if (fd < 0)
				continue;
			atomic_fetch_add(&net.accepted[i], 1);
			answer(fd);
		}
	}
	return NULL;
}

static int open_endpoints(void **state)
{
	struct sockaddr_in at = { 0 };
	socklen_t len = sizeof at;

	(void)state;
	memset(&net, 0, sizeof net);
	for (int i = 0; i < 50; i++) { /* until a port is free at both */
		net.fds[OUTSIDE] = listen_at(addresses[OUTSIDE], 0);
		getsockname(net.fds[OUTSIDE], (struct sockaddr *)&at, &len);
		net.port = ntohs(at.sin_port);
		net.fds[INSIDE] = listen_at(addresses[INSIDE], net.port);
		if (net.fds[INSIDE] >= 0)
			break;
		close(net.fds[OUTSIDE]);
	}
	address_allow("127.0.0.1/32");
	return net.fds[INSIDE] < 0 || pthread_create(&net.thread, NULL, serve, NULL);
}

static int close_endpoints(void **state)
{
	(void)state;
	atomic_store(&net.stopping, true);
	pthread_join(net.thread, NULL);
	close(net.fds[OUTSIDE]);
	close(net.fds[INSIDE]);
	address_allow("");
	return 0;
}

/* Posts to hook.example through the sender's kind of handle, with what DNS says at this moment. */
static struct post_outcome post_when(CURLM *multi, const char *resolves_to, struct arena *arena)
{
	static const uint8_t secrets[1][32] = { { 7 } };
	char *url = arena_printf(arena, "http://hook.example:%u/", net.port);
	struct post *post = post_new(&(struct post_request){ .url = url,
					     .id = "01912d3c-5b7a-7c3e-8f00-0123456789ab",
					     .body = { "{\"end\":true}", 12 },
					     .secrets = secrets,
					     .secret_count = 1 },
		arena);
	struct curl_slist *dns =
		curl_slist_append(NULL, arena_printf(arena, "hook.example:%u:%s", net.port, resolves_to));
	CURLMsg *message = NULL;
	int running = 1, left;

	curl_easy_setopt(post->easy, CURLOPT_RESOLVE, dns);
	curl_multi_add_handle(multi, post->easy);
	while (!message) {
		assert_int_equal(curl_multi_perform(multi, &running), CURLM_OK);
		message = curl_multi_info_read(multi, &left);
		if (!message)
			curl_multi_poll(multi, NULL, 0, 100, NULL);
	}
	struct post_outcome outcome = post_outcome(post, message->data.result);

	curl_multi_remove_handle(multi, post->easy);
	curl_slist_free_all(dns);
	return outcome;
}

static void a_name_that_comes_to_mean_a_private_address_is_not_connected_to(void **state)
{
	CURLM *multi = curl_multi_init();
	struct arena *arena = arena_new();

	(void)state;
	struct post_outcome first = post_when(multi, addresses[OUTSIDE], arena);

	assert_true(first.ok);
	assert_int_equal(first.status, 204);
	struct post_outcome rebound = post_when(multi, addresses[INSIDE], arena);

	assert_false(rebound.ok);
	assert_int_equal(rebound.status, 0);
	assert_non_null(strstr(rebound.error, "private"));
	assert_int_equal(atomic_load(&net.accepted[INSIDE]), 0);
	/* And back again: nothing is remembered of it. */
	assert_true(post_when(multi, addresses[OUTSIDE], arena).ok);
	assert_int_equal(atomic_load(&net.accepted[OUTSIDE]), 2);
	arena_free(arena);
	curl_multi_cleanup(multi);
}

static void of_several_addresses_only_those_allowed_are_tried(void **state)
{
	static const char *const answers[] = { "127.0.0.2,127.0.0.1", "127.0.0.1,127.0.0.2",
		"[::1],10.0.0.1,169.254.169.254,127.0.0.1" };
	CURLM *multi = curl_multi_init();
	struct arena *arena = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		struct post_outcome outcome = post_when(multi, answers[i], arena);

		if (!outcome.ok)
			fail_msg("%s: %s", answers[i], outcome.error);
	}
	struct post_outcome none = post_when(multi, "127.0.0.2,10.0.0.1,[::ffff:127.0.0.2]", arena);

	assert_false(none.ok);
	assert_non_null(strstr(none.error, "private"));
	assert_int_equal(atomic_load(&net.accepted[INSIDE]), 0);
	arena_free(arena);
	curl_multi_cleanup(multi);
}

/* Without the look at the moment of connecting it would be reached: the test can fail. */
static void without_the_check_the_same_name_would_lead_inside(void **state)
{
	CURLM *multi = curl_multi_init();
	struct arena *arena = arena_new();

	(void)state;
	address_allow("127.0.0.0/8");
	assert_true(post_when(multi, addresses[INSIDE], arena).ok);
	assert_int_equal(atomic_load(&net.accepted[INSIDE]), 1);
	arena_free(arena);
	curl_multi_cleanup(multi);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_name_that_comes_to_mean_a_private_address_is_not_connected_to, open_endpoints,
			close_endpoints),
		cmocka_unit_test_setup_teardown(
			of_several_addresses_only_those_allowed_are_tried, open_endpoints, close_endpoints),
		cmocka_unit_test_setup_teardown(
			without_the_check_the_same_name_would_lead_inside, open_endpoints, close_endpoints),
	};

	if (sodium_init() < 0 || curl_global_init(CURL_GLOBAL_DEFAULT))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
