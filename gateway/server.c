#include "gateway/connection.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

const struct server_options server_defaults = {
	.listen = "127.0.0.1:8080",
	.threads = 1,
	.max_connections = 10000,
	.http = {
		.head_size_bytes = 16 * 1024,
		.target_size_bytes = 8 * 1024,
		.header_count = HTTP_HEADERS_MAX,
		.body_size_bytes = 1024 * 1024,
		.framing_size_bytes = 4 * 1024,
	},
	.head_timeout_ms = 10 * 1000,
	.idle_timeout_ms = 60 * 1000,
	.body_timeout_ms = 30 * 1000,
	.exchange_timeout_ms = 60 * 1000,
	.write_timeout_ms = 30 * 1000,
	.linger_timeout_ms = 2 * 1000,
	.minimum_rate_bytes = 16 * 1024,
	.stream_buffer_bytes = 256 * 1024,
};

enum {
	BACKLOG = 1024,
	ACCEPTS_A_TURN = 64,      /* the requests of those who are in come first */
	REFUSED_AT_ONCE_MAX = 64, /* clients that are being told 503; beyond it they are just closed */
	DESCRIPTORS_KEPT = 128,   /* for everything that is not a client: queues, logs, the refused */
	GATE_RETRY_MS = 100,
	THREADS_MAX = 64,
};

/* --- opening --- */

__attribute__((format(printf, 2, 3))) static bool fail(char error[SERVER_ERROR_SIZE], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, SERVER_ERROR_SIZE, format, arguments);
	va_end(arguments);
	return false;
}

/* One listener a thread: each has its own accept queue, and the kernel spreads connections over them. */
static bool open_listener(const struct server *server, const struct listen_address *address, bool is_shared,
	int *fd_out, char *error)
{
	const char *text = server->options.listen;
	unsigned timeout_ms = server->options.write_timeout_ms;

	int fd = socket(address->socket.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		return fail(error, "Cannot make a socket to listen on %s: %s.", text, strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/*
	 * Accepted sockets inherit these. The second finds peers that vanished without a word, also below
	 * an open stream.
	 */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
	if (is_shared)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)&address->socket, address->size) == 0 &&
		listen(fd, BACKLOG) == 0) {
		*fd_out = fd;
		return true;
	}
	fail(error,
		errno == EADDRINUSE ? "Cannot listen on %s: another program already does (%s)."
				    : "Cannot listen on %s: %s.",
		text, strerror(errno));
	close(fd);
	return false;
}

static void name_address(struct server *server, const struct listen_address *bound)
{
	struct address address = address_from_socket(&bound->socket);
	unsigned port = bound->socket.ss_family == AF_INET
				? ((const struct sockaddr_in *)&bound->socket)->sin_port
				: ((const struct sockaddr_in6 *)&bound->socket)->sin6_port;
	char text[ADDRESS_TEXT_SIZE];

	address_format(&address, text);
	snprintf(server->address, sizeof(server->address), strchr(text, ':') ? "[%s]:%u" : "%s:%u", text,
		(unsigned)ntohs((uint16_t)port));
}

/*
 * SO_REUSEPORT would let a second gateway of the same user share the port in silence. So the first socket
 * is bound without it: that fails if anyone listens there. It also finds the port where 0 was asked for.
 */
static bool open_listeners(struct server *server, char *error)
{
	const char *text = server->options.listen;
	struct listen_address address;
	int probe = -1;

	if (!listen_address_parse(text, &address))
		return fail(error, "Cannot listen on %s: that is not an address with a port.", text);
	if (!address.is_loopback && !server->tls && server->trusted_proxies.count == 0)
		return fail(error,
			"Will not listen on %s: it is reachable from other machines, and neither TLS nor "
			"trusted proxies are configured.",
			text);
	if (!open_listener(server, &address, false, &probe, error))
		return false;
	address.size = sizeof(address.socket);
	getsockname(probe, (struct sockaddr *)&address.socket, &address.size);
	name_address(server, &address);
	if (server->thread_count == 1) {
		server->threads[0].listener = probe;
		return true;
	}
	close(probe);
	for (unsigned i = 0; i < server->thread_count; i++)
		if (!open_listener(server, &address, true, &server->threads[i].listener, error))
			return false;
	return true;
}

/* A limit that the descriptor table cannot hold would be found by accept() failing for ever. */
static void fit_connections(struct server *server)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	if (limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
		getrlimit(RLIMIT_NOFILE, &limit);
	}
	rlim_t room = limit.rlim_cur > 2 * DESCRIPTORS_KEPT ? limit.rlim_cur - DESCRIPTORS_KEPT
							    : limit.rlim_cur / 2;

	if (server->options.max_connections > room)
		server->options.max_connections = (unsigned)room;
}

static void on_accept(evutil_socket_t fd, short events, void *context);
static void on_wake(evutil_socket_t fd, short events, void *context);
static void on_sweep(evutil_socket_t fd, short events, void *context);
static void on_gate(evutil_socket_t fd, short events, void *context);
static void on_drain_deadline(evutil_socket_t fd, short events, void *context);

static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static struct timeval milliseconds(uint64_t ms)
{
	return (struct timeval){ .tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000) };
}

static void open_thread(struct server_thread *thread)
{
	struct event_config *config = event_config_new();

	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
	thread->base = event_base_new_with_config(config);
	event_config_free(config);
	thread->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (!thread->base || thread->wake_fd < 0)
		abort();
	thread->now_ms = clock_ms();
	thread->sweep_at_ms = UINT64_MAX;
	event_assign(&thread->accept_event, thread->base, thread->listener, EV_READ | EV_PERSIST, on_accept,
		thread);
	event_assign(
		&thread->wake_event, thread->base, thread->wake_fd, EV_READ | EV_PERSIST, on_wake, thread);
	evtimer_assign(&thread->sweep_event, thread->base, on_sweep, thread);
	evtimer_assign(&thread->gate_event, thread->base, on_gate, thread);
	evtimer_assign(&thread->drain_event, thread->base, on_drain_deadline, thread);
	event_add(&thread->accept_event, NULL);
	event_add(&thread->wake_event, NULL);
}

static bool judge_options(const struct server_options *options, char *error)
{
	if (options->threads < 1 || options->threads > THREADS_MAX)
		return fail(error, "The number of gateway threads must be between 1 and %d.", THREADS_MAX);
	if (options->http.head_size_bytes >= SERVER_INPUT_SIZE)
		return fail(error, "The limit for request heads must be below %d bytes.", SERVER_INPUT_SIZE);
	if (!options->tls_certificate_file != !options->tls_key_file)
		return fail(error, "TLS needs both a certificate file and a key file.");
	return true;
}

static bool open_parts(struct server *server, char *error)
{
	const struct server_options *options = &server->options;

	if (!judge_options(options, error))
		return false;
	if (!address_parse_ranges(options->trusted_proxies, &server->trusted_proxies))
		return fail(error,
			"The trusted proxies \"%s\" are not a list of at most %d addresses or CIDRs.",
			options->trusted_proxies, ADDRESS_RANGES_MAX);
	if (options->tls_certificate_file &&
		!tls_context_open(options->tls_certificate_file, options->tls_key_file, &server->tls, error,
			SERVER_ERROR_SIZE))
		return false;
	fit_connections(server);
	server->threads = calloc(options->threads, sizeof(*server->threads));
	if (!server->threads)
		abort();
	server->thread_count = options->threads;
	for (unsigned i = 0; i < server->thread_count; i++) {
		server->threads[i].server = server;
		server->threads[i].index = i;
		server->threads[i].listener = server->threads[i].wake_fd = -1;
	}
	return open_listeners(server, error);
}

static void free_server(struct server *server)
{
	for (unsigned i = 0; i < server->thread_count; i++) {
		struct server_thread *thread = &server->threads[i];

		if (thread->listener >= 0)
			close(thread->listener);
		if (thread->wake_fd >= 0)
			close(thread->wake_fd);
		if (thread->base)
			event_base_free(thread->base);
		free(thread->slots);
		free(thread->free_slots);
		free(thread->generations);
	}
	free(server->threads);
	tls_context_close(server->tls);
	free(server);
}

bool server_open(const struct server_options *options, const struct server_application *application,
	void *context, struct server **server_out, char error[SERVER_ERROR_SIZE])
{
	struct server *server = memory_resize(NULL, sizeof(*server));

	assert(application->on_request);
	memset(server, 0, sizeof(*server));
	server->options = *options;
	server->application = *application;
	server->context = context;
	if (!open_parts(server, error)) {
		free_server(server);
		return false;
	}
	for (unsigned i = 0; i < server->thread_count; i++)
		open_thread(&server->threads[i]);
	*server_out = server;
	return true;
}

const char *server_address(const struct server *server)
{
	return server->address;
}

/* --- the loop --- */

static void take_ready(struct server_thread *thread)
{
	struct connection *next;

	for (struct connection *c = thread->ready; c; c = next) {
		next = c->next_ready;
		if (c == thread->ready)
			thread->ready = NULL; /* what becomes ready meanwhile waits for the next turn */
		c->is_ready = false;
		if (c->state == CONNECTION_HEAD)
			connection_take(c);
		else
			connection_touch(c); /* closed since */
	}
}

static void settle_touched(struct server_thread *thread)
{
	struct connection *touched = thread->touched, *next;

	thread->touched = NULL;
	for (struct connection *c = touched; c; c = next) {
		next = c->next_touched;
		connection_settle(c);
	}
}

static void turn(struct server_thread *thread)
{
	const struct server_application *application = &thread->server->application;
	bool has_work = thread->ready || thread->touched || thread->must_turn;

	thread->must_turn = false;
	take_ready(thread);
	event_base_loop(thread->base, EVLOOP_ONCE | (has_work ? EVLOOP_NONBLOCK : 0));
	thread->now_ms = clock_ms();
	thread->must_turn = false;
	if (application->on_turn_end)
		application->on_turn_end(thread);
	settle_touched(thread);
	if (thread->is_draining && thread->open_count == 0)
		thread->is_finished = true;
}

static void free_spare(struct server_thread *thread)
{
	while (thread->spare) {
		struct request *request = thread->spare;

		thread->spare = request->next;
		arena_free(request->arena);
		free(request);
	}
}

static void *run_thread(void *argument)
{
	struct server_thread *thread = argument;
	const struct server_application *application = &thread->server->application;

	if (application->on_thread_open)
		thread->state = application->on_thread_open(thread, thread->server->context);
	while (!thread->is_finished)
		turn(thread);
	if (application->on_thread_close)
		application->on_thread_close(thread, thread->state);
	event_del(&thread->wake_event);
	event_del(&thread->sweep_event);
	event_del(&thread->drain_event);
	free_spare(thread);
	return NULL;
}

/* Signals are for the main thread; SIGPIPE (OpenSSL writes with write()) is for none. */
void server_start(struct server *server)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned i = 0; i < server->thread_count; i++)
		if (pthread_create(&server->threads[i].pthread, NULL, run_thread, &server->threads[i]) != 0)
			abort();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	server->is_started = true;
}

/* --- accepting --- */

static void close_gate(struct server_thread *thread)
{
	struct timeval wait = milliseconds(GATE_RETRY_MS);

	event_del(&thread->accept_event);
	event_add(&thread->gate_event, &wait);
}

static void on_gate(evutil_socket_t fd, short events, void *context)
{
	struct server_thread *thread = context;

	(void)fd, (void)events;
	if (thread->listener >= 0)
		event_add(&thread->accept_event, NULL);
}

static void welcome(struct server_thread *thread, int fd, const struct sockaddr_storage *peer)
{
	struct server *server = thread->server;
	unsigned open = atomic_fetch_add(&server->open_count, 1), most = server->options.max_connections;

	if (open >= most + REFUSED_AT_ONCE_MAX) {
		atomic_fetch_sub(&server->open_count, 1);
		count(&thread->counters.connections_refused, 1);
		close(fd);
		return;
	}
	count(open >= most ? &thread->counters.connections_refused : &thread->counters.connections_accepted,
		1);
	connection_open(thread, fd, peer, open >= most);
}

static bool accept_one(struct server_thread *thread)
{
	struct sockaddr_storage peer;
	socklen_t size = sizeof(peer);
	int fd = accept4(thread->listener, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		welcome(thread, fd, &peer);
		return true;
	}
	/*
	 * Out of descriptors or memory: the listener stays readable, so it is left alone for a while
	 * instead of asked again.
	 */
	if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
		close_gate(thread);
	return errno == ECONNABORTED || errno == EINTR;
}

static void on_accept(evutil_socket_t fd, short events, void *context)
{
	struct server_thread *thread = context;

	(void)fd, (void)events;
	thread->now_ms = clock_ms();
	for (int i = 0; i < ACCEPTS_A_TURN && accept_one(thread); i++)
		;
}

/* --- deadlines --- */

static void sweep_list(struct server_thread *thread, struct connection_list *list, uint64_t *next_ms)
{
	for (size_t left = list->count; left > 0 && list->first; left--) {
		struct connection *c = list->first;

		if (c->deadline_ms > thread->now_ms) {
			*next_ms = c->deadline_ms < *next_ms ? c->deadline_ms : *next_ms;
			return;
		}
		connection_expire(c);
	}
}

static bool state_has_deadline(enum connection_state state)
{
	return state != CONNECTION_PAUSED && state != CONNECTION_ANSWERED && state != CONNECTION_STREAM &&
	       state != CONNECTION_CLOSED;
}

static void on_sweep(evutil_socket_t fd, short events, void *context)
{
	struct server_thread *thread = context;
	uint64_t next_ms = UINT64_MAX;

	(void)fd, (void)events;
	thread->now_ms = clock_ms();
	thread->sweep_at_ms = UINT64_MAX; /* so that what expires into another state can arm it again */
	for (unsigned state = 0; state < CONNECTION_STATES; state++)
		if (state_has_deadline(state))
			sweep_list(thread, &thread->lists[state], &next_ms);
	connection_arm_sweep(thread, next_ms);
}

/* --- draining --- */

static void drain_streams(struct connection_list *list)
{
	for (size_t left = list->count; left > 0 && list->first && !list->first->was_told_to_drain; left--) {
		struct connection *c = list->first;

		c->was_told_to_drain = true;
		connection_enter(c, c->state); /* to the end of the list */
		if (c->stream_events->on_drain)
			c->stream_events->on_drain(&c->exchange);
		else
			exchange_stream_end(&c->exchange);
	}
}

static void close_all(struct connection_list *list)
{
	while (list->first)
		connection_close(list->first);
}

/* Connections that the kernel has already taken for us would be reset with the listener. */
static void stop_accepting(struct server_thread *thread)
{
	event_del(&thread->gate_event);
	event_del(&thread->accept_event);
	for (int i = 0; i < BACKLOG && accept_one(thread); i++)
		;
	event_del(&thread->gate_event);
	close(thread->listener);
	thread->listener = -1;
}

static void on_wake(evutil_socket_t fd, short events, void *context)
{
	struct server_thread *thread = context;
	struct timeval deadline = milliseconds(atomic_load(&thread->server->drain_ms) - 1);
	uint64_t ignored;

	(void)events;
	if (read(fd, &ignored, sizeof(ignored)) < 0)
		return;
	event_add(&thread->drain_event, &deadline);
	if (thread->is_draining)
		return;
	thread->is_draining = true;
	thread->must_turn = true;
	stop_accepting(thread);
	for (size_t left = thread->lists[CONNECTION_IDLE].count;
		left > 0 && thread->lists[CONNECTION_IDLE].first; left--)
		connection_drain_idle(thread->lists[CONNECTION_IDLE].first);
	drain_streams(&thread->lists[CONNECTION_STREAM]);
	drain_streams(&thread->lists[CONNECTION_STREAM_BLOCKED]);
}

static void on_drain_deadline(evutil_socket_t fd, short events, void *context)
{
	struct server_thread *thread = context;
	struct timeval again = milliseconds(GATE_RETRY_MS);

	(void)fd, (void)events;
	for (unsigned state = 0; state < CONNECTION_CLOSED; state++)
		close_all(&thread->lists[state]);
	event_add(&thread->drain_event, &again); /* whatever a callback still answered meanwhile */
}

void server_drain(struct server *server, unsigned deadline_ms)
{
	uint64_t one = 1;

	atomic_store(&server->drain_ms, deadline_ms + 1);
	for (unsigned i = 0; i < server->thread_count; i++)
		if (write(server->threads[i].wake_fd, &one, sizeof(one)) < 0)
			abort();
}

void server_close(struct server *server)
{
	if (!server)
		return;
	if (server->is_started && atomic_load(&server->drain_ms) == 0)
		server_drain(server, 0);
	for (unsigned i = 0; server->is_started && i < server->thread_count; i++)
		pthread_join(server->threads[i].pthread, NULL);
	free_server(server);
}

/* --- looking in --- */

static uint64_t look(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

void server_read_counters(const struct server *server, struct server_counters *counters_out)
{
	struct server_counters sum = { 0 };

	for (unsigned i = 0; i < server->thread_count; i++) {
		const struct counters *counters = &server->threads[i].counters;

		sum.connections_accepted += look(&counters->connections_accepted);
		sum.connections_refused += look(&counters->connections_refused);
		sum.requests += look(&counters->requests);
		sum.replies += look(&counters->replies);
		sum.streams_open += look(&counters->streams_opened) - look(&counters->streams_closed);
		sum.refusals += look(&counters->refusals);
		sum.received_bytes += look(&counters->received_bytes);
		sum.sent_bytes += look(&counters->sent_bytes);
	}
	sum.connections_open = atomic_load(&server->open_count);
	*counters_out = sum;
}

struct event_base *server_thread_base(struct server_thread *thread)
{
	return thread->base;
}

void *server_thread_state(struct server_thread *thread)
{
	return thread->state;
}

unsigned server_thread_index(struct server_thread *thread)
{
	return thread->index;
}

bool server_thread_is_draining(struct server_thread *thread)
{
	return thread->is_draining;
}

uint64_t server_thread_now_ms(struct server_thread *thread)
{
	return thread->now_ms;
}
