#include "gateway/static.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum coding { IDENTITY, BROTLI, GZIP, CODINGS };

struct file {
	char *path; /* as in a request: "/assets/app-1f2e.js" */
	const char *content_type;
	struct variant {
		char *data; /* NULL: the build made none */
		size_t size;
		char etag[2 + 32 + 1]; /* quoted; of this very representation */
	} variants[CODINGS];
};

struct static_files {
	struct arena *arena; /* owns everything, this struct too */
	struct buffer list;  /* of struct file */
	struct file *files;  /* the list, by path */
	size_t count;
	size_t total_size;
	char *error;
};

static const struct {
	const char *suffix, *content_type;
} content_types[] = {
	{ ".html", "text/html; charset=utf-8" },
	{ ".js", "text/javascript; charset=utf-8" },
	{ ".mjs", "text/javascript; charset=utf-8" },
	{ ".css", "text/css; charset=utf-8" },
	{ ".json", "application/json" },
	{ ".map", "application/json" },
	{ ".webmanifest", "application/manifest+json" },
	{ ".svg", "image/svg+xml" },
	{ ".png", "image/png" },
	{ ".jpg", "image/jpeg" },
	{ ".webp", "image/webp" },
	{ ".ico", "image/x-icon" },
	{ ".woff2", "font/woff2" },
	{ ".woff", "font/woff" },
	{ ".txt", "text/plain; charset=utf-8" },
	{ ".wasm", "application/wasm" },
};

static const struct {
	const char *suffix, *name;
} codings[CODINGS] = { [IDENTITY] = { "", NULL }, [BROTLI] = { ".br", "br" }, [GZIP] = { ".gz", "gzip" } };

static bool ends_with(const char *text, const char *suffix)
{
	size_t text_size = strlen(text), suffix_size = strlen(suffix);

	return text_size >= suffix_size && strcmp(text + text_size - suffix_size, suffix) == 0;
}

static const char *content_type_of(const char *path)
{
	for (size_t i = 0; i < sizeof(content_types) / sizeof(*content_types); i++)
		if (ends_with(path, content_types[i].suffix))
			return content_types[i].content_type;
	return "application/octet-stream";
}

/* --- reading --- */

__attribute__((format(printf, 2, 3))) static bool fail(char *error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, SERVER_ERROR_SIZE, format, arguments);
	va_end(arguments);
	return false;
}

static void name_content(struct variant *variant)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];

	SHA256((const unsigned char *)variant->data, variant->size, digest);
	variant->etag[0] = '"';
	for (size_t i = 0; i < 16; i++)
		sprintf(variant->etag + 1 + 2 * i, "%02x", digest[i]);
	strcpy(variant->etag + 33, "\"");
}

static bool read_all(int fd, char *data, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t got = read(fd, data + done, size - done);

		if (got <= 0)
			return false;
		done += (size_t)got;
	}
	return true;
}

static bool load_file(
	struct static_files *files, int directory, const char *name, const char *path, size_t size)
{
	if (files->count == STATIC_FILES_MAX || size > STATIC_SIZE_MAX - files->total_size)
		return fail(files->error, "The web files are more than %d, or larger than %d bytes together.",
			STATIC_FILES_MAX, STATIC_SIZE_MAX);
	struct variant variant = { .data = arena_alloc(files->arena, size + 1), .size = size };
	int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	bool good = fd >= 0 && read_all(fd, variant.data, size);

	if (fd >= 0)
		close(fd);
	if (!good)
		return fail(files->error, "The web file %s cannot be read.", path);
	name_content(&variant);
	struct file file = { arena_strdup(files->arena, path), content_type_of(path), { variant } };

	buffer_add(&files->list, &file, sizeof(file));
	files->count++;
	files->total_size += size;
	return true;
}

static bool load_directory(
	struct static_files *files, int parent, const char *name, const char *path, unsigned depth);

static bool load_entry(
	struct static_files *files, int directory, const char *name, const char *path, unsigned depth)
{
	char whole[1024];
	struct stat status;

	if (name[0] == '.')
		return true;
	if ((size_t)snprintf(whole, sizeof(whole), "%s/%s", path, name) >= sizeof(whole))
		return fail(files->error, "A web file below %s has too long a name.", path);
	if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return fail(files->error, "The web file %s cannot be read: %s.", whole, strerror(errno));
	if (S_ISDIR(status.st_mode))
		return load_directory(files, directory, name, whole, depth + 1);
	return !S_ISREG(status.st_mode) || load_file(files, directory, name, whole, (size_t)status.st_size);
}

static bool load_directory(
	struct static_files *files, int parent, const char *name, const char *path, unsigned depth)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (depth > 0 ? O_NOFOLLOW : 0));
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	bool good = true;

	if (!directory || depth > STATIC_DEPTH_MAX) {
		fail(files->error, "The directory of web files %s%s cannot be read: %s.", depth ? "" : name,
			path, directory ? "it is nested too deeply" : strerror(errno));
		if (directory)
			closedir(directory);
		else if (fd >= 0)
			close(fd);
		return false;
	}
	for (struct dirent *entry; good && (entry = readdir(directory)) != NULL;)
		good = load_entry(files, fd, entry->d_name, path, depth);
	closedir(directory);
	return good;
}

/* --- arranging --- */

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

static struct file *find(const struct static_files *files, const char *path)
{
	struct file wanted = { .path = (char *)(uintptr_t)path };

	return files->count ? bsearch(&wanted, files->files, files->count, sizeof(wanted), compare) : NULL;
}

/* Moves "x.js.br" under "x.js". What has no original stays a file of its own. */
static void adopt_siblings(struct static_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		for (unsigned coding = BROTLI; coding < CODINGS; coding++) {
			struct file *sibling = &files->files[i];
			char original[1024];

			if (!ends_with(sibling->path, codings[coding].suffix))
				continue;
			snprintf(original, sizeof(original), "%.*s", (int)(strlen(sibling->path) - 3),
				sibling->path);
			struct file *file = find(files, original);

			if (!file || !sibling->variants[IDENTITY].data || file->variants[coding].data)
				continue;
			file->variants[coding] = sibling->variants[IDENTITY];
			sibling->variants[IDENTITY].data = NULL;
		}
}

bool static_open(const char *directory, struct static_files **files_out, char error[SERVER_ERROR_SIZE])
{
	struct arena *arena = arena_new();
	struct static_files *files = arena_zalloc(arena, sizeof(*files));

	files->arena = files->list.arena = arena;
	files->error = error;
	bool good = load_directory(files, AT_FDCWD, directory, "", 0);

	if (good && files->count > 0) {
		files->files = (struct file *)(void *)files->list.data;
		qsort(files->files, files->count, sizeof(*files->files), compare);
		adopt_siblings(files);
	}
	if (good && !find(files, "/index.html"))
		good = fail(error, "The directory of web files %s has no index.html: was the web UI built?",
			directory);
	if (!good) {
		static_close(files);
		return false;
	}
	files->error = NULL;
	*files_out = files;
	return true;
}

void static_close(struct static_files *files)
{
	if (files)
		arena_free(files->arena);
}

/* --- serving --- */

/*
 * A route of the UI has no dot in its last segment: a missing script must be a 404, not a page. %2e and the
 * like never match a file: the names are compared as they are sent.
 */
static const struct file *resolve(const struct static_files *files, struct http_slice path)
{
	char name[1024];

	if (path.size >= sizeof(name))
		return NULL;
	memcpy(name, path.data, path.size);
	name[path.size] = '\0';
	const struct file *file = find(files, name);
	const char *last = strrchr(name, '/');

	if (file && file->variants[IDENTITY].data)
		return file;
	if (!last || strchr(last, '.') || strncmp(name, "/assets/", 8) == 0 || strncmp(name, "/api/", 5) == 0)
		return NULL;
	snprintf(name + path.size, sizeof name - path.size, "/index.html"); /* of a folder, such as /docs */
	file = find(files, name);
	return file ? file : find(files, "/index.html");
}

static enum coding choose(const struct file *file, const struct http_head *head)
{
	struct http_slice accepted = http_head_get(head, HTTP_ACCEPT_ENCODING);

	for (unsigned coding = BROTLI; coding < CODINGS; coding++)
		if (file->variants[coding].data && http_accepts_coding(accepted, codings[coding].name))
			return coding;
	return IDENTITY;
}

static bool client_has(const struct http_head *head, struct http_slice etag)
{
	struct http_slice value;

	for (size_t cursor = 0; http_head_next(head, HTTP_IF_NONE_MATCH, &cursor, &value);)
		if (http_etag_matches(value, etag, true))
			return true;
	return false;
}

static struct http_slice text(const char *string)
{
	return (struct http_slice){ string, strlen(string) };
}

static const char content_security_policy[] = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src "
					      "'self' data:; connect-src 'self'; object-src 'none'; "
					      "base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

static void send_file(const struct file *file, struct exchange *x)
{
	enum coding coding = choose(file, x->head);
	const struct variant *variant = &file->variants[coding];
	bool is_hashed = strncmp(file->path, "/assets/", 8) == 0;
	bool is_known = client_has(x->head, text(variant->etag));
	size_t count = 7;
	struct http_header headers[9] = {
		{ HTTP_SLICE("ETag"), text(variant->etag) },
		{ HTTP_SLICE("Cache-Control"),
			text(is_hashed ? "public, max-age=31536000, immutable" : "no-cache") },
		{ HTTP_SLICE("Vary"), HTTP_SLICE("Accept-Encoding") },
		{ HTTP_SLICE("Content-Type"), text(file->content_type) },
		{ HTTP_SLICE("X-Content-Type-Options"), HTTP_SLICE("nosniff") },
		{ HTTP_SLICE("Content-Security-Policy"), text(content_security_policy) },
		{ HTTP_SLICE("Referrer-Policy"), HTTP_SLICE("same-origin") },
	};

	if (coding != IDENTITY)
		headers[count++] =
			(struct http_header){ HTTP_SLICE("Content-Encoding"), text(codings[coding].name) };
	if (exchange_is_secure(x))
		headers[count++] = (struct http_header){ HTTP_SLICE("Strict-Transport-Security"),
			HTTP_SLICE(STRICT_TRANSPORT) };
	exchange_reply(x, &(struct reply){
				  .status = is_known ? 304 : 200,
				  .headers = headers,
				  .header_count = count,
				  .body = { variant->data, variant->size },
				  .body_is_static = true,
			  });
}

void static_serve(const struct static_files *files, struct exchange *x)
{
	static const struct http_header allow[] = { { { "Allow", 5 }, { "GET, HEAD", 9 } } };

	if (x->head->method != HTTP_GET && x->head->method != HTTP_HEAD) {
		exchange_reply(x, &(struct reply){ .status = 405, .headers = allow, .header_count = 1 });
		return;
	}
	const struct file *file = resolve(files, x->head->path);

	if (file)
		send_file(file, x);
	else
		exchange_refuse(x, 404, MSG_NO_SUCH_FILE);
}
