#include "kit/log.h"
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static const char *process_name = "guanxi";
static const char *const levels[] = { [LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info" };

void log_open(const char *process)
{
	process_name = process;
}

/* One write(2) a line: lines of several threads do not mix. Line breaks inside (a message of PostgreSQL)
 * become spaces. */
void log_line(enum log_level level, const char *event, const char *format, ...)
{
	char line[2048];
	struct timespec now;
	struct tm utc;
	va_list arguments;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	size_t len = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &utc);

	len += (size_t)snprintf(line + len, sizeof line - len, ".%03ldZ %s %s %s ", now.tv_nsec / 1000000,
		levels[level], process_name, event);
	size_t head = len;

	va_start(arguments, format);
	len += (size_t)vsnprintf(line + len, sizeof line - len, format, arguments);
	va_end(arguments);
	if (len > sizeof line - 1)
		len = sizeof line - 1;
	for (size_t i = head; i < len; i++)
		if ((unsigned char)line[i] < ' ')
			line[i] = ' ';
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		return; /* nowhere to say so */
}
