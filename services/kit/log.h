/*
 * Structured log lines on standard error: logfmt, one line an event, UTC. No personal data: ids, never names
 *or values.
 *
 *	log_info("request", "method=%s status=%d ms=%.1f", method, status, ms);
 *	2026-11-21T08:00:00.123Z info customer request method=customers.get status=200 ms=0.4
 *
 * error: someone must act. warn: something is wrong that mends itself. info: life of the process, requests.
 */
#pragma once

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO };

/* Before threads start. */
void log_open(const char *process);
void log_line(enum log_level level, const char *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
