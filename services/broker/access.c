#include "broker/access.h"

#include "kit/frame.h"
#include "kit/log.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ZAP_PARTS = 7, ZAP_PART_MAX = 256, KEY_BYTES = 32 };

/* Parts of a ZAP request, in order. */
enum { ZAP_VERSION, ZAP_REQUEST_ID, ZAP_DOMAIN, ZAP_ADDRESS, ZAP_IDENTITY, ZAP_MECHANISM, ZAP_CREDENTIALS };

struct grant {
	char key[ACCESS_KEY_LEN + 1];
	bool call;
	char serve[ACCESS_SERVES_MAX][FRAME_NAME_MAX + 1];
	size_t serve_count;
};

struct list {
	struct grant *grants; /* by key */
	size_t count;
};

struct access {
	char *path;
	struct timespec modified;
	pthread_rwlock_t lock; /* of the list */
	struct list list;
	void *socket;
	int wake_fd;
	pthread_t thread;
};

struct part {
	uint8_t bytes[ZAP_PART_MAX];
	size_t len;
};

/* --- the list */

static int compare_keys(const void *a, const void *b)
{
	return strcmp(((const struct grant *)a)->key, ((const struct grant *)b)->key);
}

static const struct grant *find_grant(const struct list *list, const char *key)
{
	struct grant wanted = { .call = false };

	if (strlen(key) != ACCESS_KEY_LEN || list->count == 0)
		return NULL;
	strcpy(wanted.key, key);
	return bsearch(&wanted, list->grants, list->count, sizeof(wanted), compare_keys);
}

static bool parse_role(struct grant *grant, const char *role)
{
	const char *name = role + strlen("serve:");

	if (strcmp(role, "call") == 0) {
		grant->call = true;
		return true;
	}
	if (strncmp(role, "serve:", strlen("serve:")) != 0 || grant->serve_count == ACCESS_SERVES_MAX ||
		!frame_name_valid(name, strlen(name)))
		return false;
	strcpy(grant->serve[grant->serve_count++], name);
	return true;
}

static bool is_key(const char *word)
{
	uint8_t bytes[KEY_BYTES];

	return strlen(word) == ACCESS_KEY_LEN && zmq_z85_decode(bytes, word);
}

/* '#' is a digit of Z85, so a comment is a whole line. */
static bool parse_line(char *line, struct list *list)
{
	char *rest = NULL;
	char *word = strtok_r(line, " \t\r\n", &rest);
	struct grant grant = { .call = false };

	if (!word || (*word == '#' && !is_key(word)))
		return true;
	if (!is_key(word) || list->count == ACCESS_KEYS_MAX)
		return false;
	strcpy(grant.key, word);
	while ((word = strtok_r(NULL, " \t\r\n", &rest)))
		if (!parse_role(&grant, word))
			return false;
	list->grants = reallocarray(list->grants, list->count + 1, sizeof(grant));
	if (!list->grants)
		abort();
	list->grants[list->count++] = grant;
	return true;
}

static bool parse_file(FILE *file, const char *path, struct list *list_out, struct zsocket_error *error_out)
{
	struct list list = { 0 };
	char line[1024];
	size_t number = 0;

	while (fgets(line, sizeof(line), file)) {
		number++;
		if (parse_line(line, &list))
			continue;
		snprintf(error_out->text, sizeof(error_out->text),
			"%.150s, line %zu: expected a key of %d characters, then call or serve:<name>", path,
			number, ACCESS_KEY_LEN);
		free(list.grants);
		return false;
	}
	if (list.count)
		qsort(list.grants, list.count, sizeof(*list.grants), compare_keys);
	*list_out = list;
	return true;
}

static bool read_list(struct access *access, struct list *list_out, struct zsocket_error *error_out)
{
	FILE *file = fopen(access->path, "re");
	struct stat st;

	if (!file || fstat(fileno(file), &st) != 0) {
		snprintf(error_out->text, sizeof(error_out->text), "%.150s: %s", access->path,
			strerror(errno));
		if (file)
			fclose(file);
		return false;
	}
	access->modified = st.st_mtim;

	bool sound = parse_file(file, access->path, list_out, error_out);

	fclose(file);
	return sound;
}

static bool has_changed(const struct access *access)
{
	struct stat st;

	return stat(access->path, &st) == 0 && (st.st_mtim.tv_sec != access->modified.tv_sec ||
						       st.st_mtim.tv_nsec != access->modified.tv_nsec);
}

/* A list with a mistake changes nothing. */
static void reload(struct access *access)
{
	struct zsocket_error error;
	struct list list;

	if (!*access->path || !has_changed(access))
		return;
	if (!read_list(access, &list, &error)) {
		log_error("access", "the list of keys was not read again: %s", error.text);
		return;
	}
	pthread_rwlock_wrlock(&access->lock);
	struct list before = access->list;

	access->list = list;
	pthread_rwlock_unlock(&access->lock);
	free(before.grants);
	log_info("access", "keys=%zu", list.count);
}

static bool grants(const struct grant *grant, enum access_right right, const char *name, size_t name_len)
{
	if (right == ACCESS_CALL)
		return grant->call;
	for (size_t i = 0; i < grant->serve_count; i++) {
		size_t len = strlen(grant->serve[i]);

		if (name_len >= len && memcmp(name, grant->serve[i], len) == 0 &&
			(name_len == len || name[len] == '.'))
			return true;
	}
	return false;
}

bool access_may(
	struct access *access, const char *key, enum access_right right, const char *name, size_t name_len)
{
	if (!access)
		return true;
	pthread_rwlock_rdlock(&access->lock);
	const struct grant *grant = find_grant(&access->list, key);
	bool may = grant && grants(grant, right, name, name_len);

	pthread_rwlock_unlock(&access->lock);
	return may;
}

/* --- ZAP */

/* Those beyond ZAP_PARTS are dropped. False: there is no message. */
static bool receive_parts(void *socket, struct part *parts)
{
	size_t count = 0;
	int more = 1;

	for (size_t i = 0; i < ZAP_PARTS; i++)
		parts[i].len = 0; /* how many come depends on the mechanism */
	while (more) {
		struct part spare = { .len = 0 }, *part = count < ZAP_PARTS ? &parts[count] : &spare;
		size_t size = sizeof(more);
		int len = zmq_recv(socket, part->bytes, ZAP_PART_MAX, ZMQ_DONTWAIT);

		if (len < 0)
			return false;
		part->len = len < ZAP_PART_MAX ? (size_t)len : ZAP_PART_MAX;
		count++;
		zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size);
	}
	return true;
}

static bool is_text(const struct part *part, const char *text)
{
	return part->len == strlen(text) && memcmp(part->bytes, text, part->len) == 0;
}

static bool is_listed(struct access *access, const struct part *parts, char *key_out)
{
	if (!is_text(&parts[ZAP_MECHANISM], "CURVE") || parts[ZAP_CREDENTIALS].len != KEY_BYTES)
		return false;
	zmq_z85_encode(key_out, parts[ZAP_CREDENTIALS].bytes, KEY_BYTES);
	pthread_rwlock_rdlock(&access->lock);
	bool listed = find_grant(&access->list, key_out) != NULL;

	pthread_rwlock_unlock(&access->lock);
	return listed;
}

/* The key becomes the connection's "User-Id", which comes with each of its messages. */
static void answer(struct access *access, const struct part *parts)
{
	char key[ACCESS_KEY_LEN + 1] = "";
	bool listed = is_listed(access, parts, key);
	const char *fields[] = { listed ? "200" : "400", listed ? "OK" : "this key is not listed",
		listed ? key : "", "" };

	zmq_send(access->socket, "1.0", 3, ZMQ_SNDMORE);
	zmq_send(access->socket, parts[ZAP_REQUEST_ID].bytes, parts[ZAP_REQUEST_ID].len, ZMQ_SNDMORE);
	for (int i = 0; i < 4; i++)
		zmq_send(access->socket, fields[i], strlen(fields[i]), i < 3 ? ZMQ_SNDMORE : 0);
	if (!listed)
		log_warn("access", "refused=%s", *key ? key : "unreadable");
}

static void answer_all(struct access *access)
{
	static struct part parts[ZAP_PARTS]; /* this thread's alone */

	while (receive_parts(access->socket, parts))
		answer(access, parts);
}

static void *access_thread(void *arg)
{
	struct access *access = arg;
	zmq_pollitem_t items[] = {
		{ .socket = access->socket, .events = ZMQ_POLLIN },
		{ .fd = access->wake_fd, .events = ZMQ_POLLIN },
	};

	for (;;) {
		if (zmq_poll(items, 2, ACCESS_RELOAD_MS) < 0)
			assert(errno == EINTR);
		if (items[1].revents)
			return NULL;
		reload(access);
		answer_all(access);
	}
}

static void access_free(struct access *access)
{
	pthread_rwlock_destroy(&access->lock);
	free(access->list.grants);
	free(access->path);
	free(access);
}

struct access *access_open(const char *path, struct zsocket_error *error_out)
{
	struct access *access = calloc(1, sizeof(*access));

	if (!access || !(access->path = strdup(path)))
		abort();
	pthread_rwlock_init(&access->lock, NULL);
	if ((*path && !read_list(access, &access->list, error_out)) ||
		!(access->socket = zsocket_bind_zap(error_out))) {
		access_free(access);
		return NULL;
	}
	access->wake_fd = eventfd(0, EFD_CLOEXEC);
	if (access->wake_fd < 0 || pthread_create(&access->thread, NULL, access_thread, access) != 0)
		abort(); /* at start, for want of descriptors or threads */
	return access;
}

void access_close(struct access *access)
{
	uint64_t one = 1;

	(void)!write(access->wake_fd, &one, sizeof(one));
	pthread_join(access->thread, NULL);
	zsocket_close(access->socket);
	close(access->wake_fd);
	access_free(access);
}
