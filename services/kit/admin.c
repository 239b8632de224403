#include "kit/admin.h"
#include "kit/config.h"
#include "kit/http.h"
#include "kit/metrics.h"
#include "kit/thread.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_MAX 8192
#define PATIENCE_MS 2000 /* for one request, all in all */

static struct admin_options options;
static int listener;

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Reads until the head is whole; false when it is no request, too slow or too long. */
static bool read_head(int fd, char *in, struct http_head *head)
{
	int64_t end = now_ms() + PATIENCE_MS;
	size_t size = 0, scanned = 0;
	struct http_refusal refusal;

	for (;;) {
		struct pollfd p = { fd, POLLIN, 0 };
		int64_t left = end - now_ms();

		if (left <= 0 || poll(&p, 1, (int)left) <= 0)
			return false;
		ssize_t n = recv(fd, in + size, REQUEST_MAX - size, 0);

		if (n <= 0)
			return false;
		size += (size_t)n;
		enum http_result result =
			http_parse_head(in, size, &scanned, &http_limits_default, head, &refusal);

		if (result != HTTP_NEED_MORE)
			return result == HTTP_READY;
		if (size == REQUEST_MAX)
			return false;
	}
}

static unsigned write_page(const struct http_head *head, struct buffer *out)
{
	if (head->method != HTTP_GET && head->method != HTTP_HEAD)
		return 405;
	if (http_slice_equals(head->path, "/livez")) {
		bool alive = options.is_alive(options.ctx);

		buffer_add_text(out, alive ? "ok\n" : "a lane has not turned for two minutes\n");
		return alive ? 200 : 503;
	}
	if (http_slice_equals(head->path, "/readyz")) {
		bool ready = options.is_ready(options.ctx, out);

		buffer_add_text(out, ready ? "ok\n" : "\n");
		return ready ? 200 : 503;
	}
	if (http_slice_equals(head->path, "/metrics")) {
		metrics_write(out);
		return 200;
	}
	for (const struct admin_page *page = options.pages; page && page->path; page++)
		if (http_slice_equals(head->path, page->path)) {
			page->write(options.ctx, out);
			return 200;
		}
	return 404;
}

static void send_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		struct pollfd p = { fd, POLLOUT, 0 };
		ssize_t n = poll(&p, 1, PATIENCE_MS) > 0 ? send(fd, bytes, len, MSG_NOSIGNAL) : -1;

		if (n <= 0)
			return;
		bytes += n;
		len -= (size_t)n;
	}
}

static void serve(int fd)
{
	static char in[REQUEST_MAX];
	static struct http_head head;
	struct arena *arena = arena_new();
	struct buffer body = { .arena = arena }, out = { .arena = arena };

	if (read_head(fd, in, &head)) {
		struct http_header type = { HTTP_SLICE("Content-Type"),
			HTTP_SLICE("text/plain; version=0.0.4; charset=utf-8") };
		struct http_reply_head reply = { .status = write_page(&head, &body),
			.framing = HTTP_LENGTH,
			.content_length = body.len,
			.close = true,
			.headers = &type,
			.header_count = 1 };

		char *to = buffer_reserve(&out, http_reply_head_bound(&reply));

		out.len += http_reply_head_write(&reply, to);
		if (head.method != HTTP_HEAD && body.len)
			buffer_add(&out, body.data, body.len);
		send_all(fd, out.data, out.len);
	}
	close(fd);
	arena_free(arena);
}

static void *run(void *unused)
{
	(void)unused;
	pthread_setname_np(pthread_self(), "admin");
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			serve(fd);
		else if (errno == EMFILE || errno == ENFILE)
			usleep(100000); /* no descriptor is free: do not spin */
	}
	return NULL;
}

static void bind_listener(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	char host[64];
	unsigned port;
	int one = 1;

	if (sscanf(options.address, "%63[0-9.]:%u", host, &port) != 2 || port > 65535 ||
		inet_pton(AF_INET, host, &address.sin_addr) != 1)
		config_refuse("GUANXI_ADMIN must be address:port such as 127.0.0.1:9102, not \"%s\"",
			options.address);
	address.sin_port = htons((uint16_t)port);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 16))
		config_refuse("the admin port %s cannot be used: %s; choose another with GUANXI_ADMIN",
			options.address, strerror(errno));
}

void admin_open(const struct admin_options *opened)
{
	options = *opened;
	if (!*options.address)
		return;
	bind_listener();
	pthread_detach(thread_start(run, NULL, 0));
}
