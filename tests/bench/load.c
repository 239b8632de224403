/*
 * load: a closed-loop HTTP/1.1 load of one kind over many connections from one thread, for the benchmarks.
 *Prints one line: requests/s, percentiles of latency, and how many answers were not 2xx.
 *
 *	load PORT TOKEN get|timeline|post|patch|list|names|groups|categories|search|pinyin|everything|typo
 *CONNECTIONS SECONDS IDS-FILE
 *
 * IDS-FILE has a customer's id a line; get and patch take them at random.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define SAMPLES_MAX     10000000
#define ID_LEN          36

struct connection {
	int fd;
	uint64_t sent_us;
	size_t len, wanted; /* of the reply; wanted 0: its head is not whole yet */
	char in[1 << 19];
};

static struct connection connections[CONNECTIONS_MAX];
static uint32_t *samples;
static size_t sample_count, failures;
static char (*ids)[ID_LEN + 1];
static size_t id_count;
static const char *token, *kind;
static unsigned port;
static uint64_t random_state = 88172645463325252u;

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* xorshift64: any will do. */
static uint64_t any(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % below;
}

static void read_ids(const char *path)
{
	FILE *file = fopen(path, "re");
	size_t capacity = 0;
	char line[128];

	while (file && fgets(line, sizeof line, file)) {
		if (strlen(line) < ID_LEN)
			continue;
		if (id_count == capacity) {
			void *grown = realloc(ids, (capacity = capacity ? capacity * 2 : 1024) * sizeof *ids);

			if (!grown)
				abort();
			ids = grown;
		}
		memcpy(ids[id_count], line, ID_LEN);
		ids[id_count++][ID_LEN] = '\0';
	}
	if (!id_count) {
		fprintf(stderr, "load: %s has no ids\n", path);
		exit(1);
	}
	fclose(file);
}

/* Percent-encoded: 司, 张三, 长沙, 华信 and what Latin letters find. */
static const char *const words[] = { "%E5%8F%B8", "%E5%BC%A0", "%E5%BC%A0%E4%BC%9F", "%E9%95%BF%E6%B2%99",
	"%E5%8D%8E%E4%BF%A1", "%E8%A7%A3" };
static const char *const pinyin[] = { "zsyx", "zhangwei", "changsha", "hx", "bjhxkj", "acme", "z",
	"zengwei" };
static const char *const lists[] = {
	"filter%5Bstage%5D%5Beq%5D=active&sort=-createTime",
	"filter%5Bindustry%5D%5Beq%5D=%E9%87%91%E8%9E%8D&sort=name",
	"filter%5Bstage%5D%5Bin%5D=active,lost&sort=name",
	"filter%5Bkind%5D%5Beq%5D=company&sort=-createTime,name",
};

static const char *const names[] = { "sort=name", "sort=-name",
	"sort=name&filter%5Bname%5D%5Bgte%5D=%E9%95%BF", "sort=name&filter%5Bname%5D%5Bgte%5D=%E9%87%8D" };
static const char *const groups[] = { "group=stage", "group=industry" };
static const char *const categories[] = { "group=categoryIds" };
static const char *const typos[] = { "acem", "goldne", "pacfic", "tradign", "verrtex", "sumit+capitl" };

/* What is asked of an address, by kind; the kinds that write are apart. */
static const struct {
	const char *kind, *address;
	const char *const *queries;
	size_t count;
} questions[] = {
#define QUESTION(kind, address, list)                                                                        \
	{                                                                                                    \
		kind, address, list, sizeof(list) / sizeof *(list)                                           \
	}
	QUESTION("list", "customers?limit=50&", lists),
	QUESTION("names", "customers?limit=50&", names),
	QUESTION("groups", "customers:aggregate?", groups),
	QUESTION("categories", "customers:aggregate?", categories),
	QUESTION("search", "customers?limit=50&q=", words),
	QUESTION("pinyin", "customers?limit=50&q=", pinyin),
	QUESTION("everything", "search?q=", pinyin),
	QUESTION("typo", "search?q=", typos),
};

static size_t write_request(char *out, size_t size)
{
	char body[512] = "", target[256] = "";
	const char *verb = "GET";
	uint64_t n = any(UINT32_MAX);

	if (!strcmp(kind, "get")) {
		snprintf(target, sizeof target, "/api/v1/customers/%s", ids[any(id_count)]);
	} else if (!strcmp(kind, "timeline")) {
		snprintf(target, sizeof target,
			"/api/v1/activities?limit=50&sort=-occurTime&filter%%5BcustomerId%%5D%%5Beq%%5D=%s",
			ids[any(id_count)]);
	} else if (!strcmp(kind, "post")) {
		verb = "POST";
		snprintf(target, sizeof target, "/api/v1/customers");
		snprintf(body, sizeof body,
			"{\"name\":\"长沙华信贸易%u有限公司\",\"phones\":[{\"kind\":\"mobile\",\"number\":"
			"\"139%08u\"}],"
			"\"industry\":\"贸易\",\"stage\":\"active\",\"employees\":%u}",
			(unsigned)(n % 1000), (unsigned)(n % 100000000), (unsigned)(n % 5000));
	} else if (!strcmp(kind, "patch")) {
		verb = "PATCH";
		snprintf(target, sizeof target, "/api/v1/customers/%s", ids[any(id_count)]);
		snprintf(body, sizeof body, "{\"description\":\"%llu\",\"employees\":%u}",
			(unsigned long long)n, (unsigned)(n % 5000));
	}
	for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
		if (!strcmp(kind, questions[i].kind))
			snprintf(target, sizeof target, "/api/v1/%s%s", questions[i].address,
				questions[i].queries[any(questions[i].count)]);
	char key[64] = "";

	if (!strcmp(kind, "post"))
		snprintf(key, sizeof key, "Idempotency-Key: %016llx%016llx\r\n",
			(unsigned long long)any(UINT64_MAX), (unsigned long long)any(UINT64_MAX));
	return (size_t)snprintf(out, size,
		"%s %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAuthorization: Bearer %s\r\n%s%s%s%zu\r\n\r\n%s",
		verb, target, port, token, key, *body ? "Content-Type: application/json\r\n" : "",
		"Content-Length: ", strlen(body), body);
}

static void send_next(struct connection *c)
{
	char out[2048];
	size_t len = write_request(out, sizeof out);

	c->len = c->wanted = 0;
	c->sent_us = now_us();
	if (send(c->fd, out, len, MSG_NOSIGNAL) != (ssize_t)len) {
		perror("load: send");
		exit(1);
	}
}

static void find_end(struct connection *c)
{
	c->in[c->len] = '\0';
	char *end = strstr(c->in, "\r\n\r\n"), *length = strcasestr(c->in, "\r\ncontent-length:");

	if (end)
		c->wanted = (size_t)(end + 4 - c->in) +
			    (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
}

static void on_readable(struct connection *c)
{
	ssize_t n = recv(c->fd, c->in + c->len, sizeof c->in - 1 - c->len, 0);

	if (n <= 0) {
		fprintf(stderr, "load: the server closed a connection\n");
		exit(1);
	}
	c->len += (size_t)n;
	if (!c->wanted)
		find_end(c);
	if (!c->wanted || c->len < c->wanted)
		return;
	failures += c->in[9] != '2';
	if (sample_count < SAMPLES_MAX)
		samples[sample_count++] = (uint32_t)(now_us() - c->sent_us);
	send_next(c);
}

static void open_connection(struct connection *c, int epoll)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(c->fd, (struct sockaddr *)&address, sizeof address)) {
		perror("load: connect");
		exit(1);
	}
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &(struct epoll_event){ EPOLLIN, { .ptr = c } });
	send_next(c);
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static double percentile(double p)
{
	return sample_count ? samples[(size_t)((double)(sample_count - 1) * p)] / 1000.0 : 0;
}

int main(int argc, char **argv)
{
	struct epoll_event events[CONNECTIONS_MAX];

	if (argc != 7) {
		fprintf(stderr, "usage: load PORT TOKEN "
				"get|timeline|post|patch|list|names|groups|categories|search|pinyin|"
				"everything|typo CONNECTIONS "
				"SECONDS IDS-FILE\n");
		return 2;
	}
	port = (unsigned)atoi(argv[1]);
	token = argv[2];
	kind = argv[3];
	int count = atoi(argv[4]), epoll = epoll_create1(EPOLL_CLOEXEC);
	double seconds = atof(argv[5]);

	random_state ^= now_us();
	read_ids(argv[6]);
	samples = malloc(SAMPLES_MAX * sizeof *samples);
	for (int i = 0; i < count && i < CONNECTIONS_MAX; i++)
		open_connection(&connections[i], epoll);
	uint64_t begun = now_us(), end = begun + (uint64_t)(seconds * 1e6);

	while (now_us() < end) {
		int n = epoll_wait(epoll, events, CONNECTIONS_MAX, 100);

		for (int i = 0; i < n; i++)
			on_readable(events[i].data.ptr);
	}
	double took = (double)(now_us() - begun) / 1e6;

	qsort(samples, sample_count, sizeof *samples, compare);
	printf("%.0f %.2f %.2f %.2f %zu\n", (double)sample_count / took, percentile(.5), percentile(.95),
		percentile(.99), failures);
	return 0;
}
