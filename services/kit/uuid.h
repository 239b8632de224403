/*
 * UUIDs: version 7 of RFC 9562 section 5.7, made monotonic within a thread (method 1 of section 6.2: a
 * counter in rand_a that starts at random each millisecond). Lower-case text.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UUID_TEXT_LEN 36

void uuid_v7(uint8_t id_out[16]);
/* Writes 36 characters and a NUL. */
void uuid_to_text(const uint8_t id[16], char *text_out);
/* Accepts upper case; false when it is not of the form 8-4-4-4-12. */
bool uuid_from_text(const char *text, size_t len, uint8_t id_out[16]);
