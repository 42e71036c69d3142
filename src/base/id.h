/* Identifiers: random ones, and the allow-lists that names must pass before they touch a path, an SQL
 * text, a cgroup or a container name.
 */
#ifndef SS_BASE_ID_H
#define SS_BASE_ID_H

#include <stdbool.h>
#include <stddef.h>

#define AGENT_ID_MAX 63
#define SESSION_NAME_MAX 63
#define USERNAME_MAX 63
#define TEMPLATE_NAME_MAX 63
#define COMMAND_ID_MAX 40
#define KEY_HEX_SIZE 65 /* 256 random bits in hex, with terminator */

/* Fills `bytes` from the kernel's generator (getrandom). Ends the process if there is none. */
void random_bytes(void *bytes, size_t count);
/* `digits` lower-case hex digits and a terminator into `text` (digits + 1 bytes). Returns `text`. */
char *random_hex(char *text, size_t digits);
/* 16 hex digits that no other call in this process gives, for logs: not secret and cheap. `text` has 17
 * bytes; returns it. */
#define SERIAL_HEX_DIGITS 16
char *serial_hex(char *text);

/* A DNS label (RFC 1123 section 2.1): 1–63 of a-z 0-9 '-', no '-' at either end. */
bool id_is_dns_label(const char *text);
/* agentId: 3–63 of a-z 0-9 '-'. */
bool id_is_agent(const char *text);
/* Session and template names: a DNS label. */
bool id_is_session(const char *text);
bool id_is_template(const char *text);
/* Usernames: 1–63 of a-z 0-9 '.' '_' '-', beginning with a letter or digit. */
bool id_is_username(const char *text);
/* "cmd-" and 8–32 hex digits. */
bool id_is_command(const char *text);
/* Lower-case hex of exactly `digits` digits. */
bool id_is_hex(const char *text, size_t digits);

/* "{user}-{template}-{8 hex}" as a DNS label: foreign characters become '-', longer parts are cut.
 * `name` has SESSION_NAME_MAX + 1 bytes. */
void id_make_session_name(char *name, const char *user, const char *template_name);
/* "cmd-" and 16 hex digits; `id` has COMMAND_ID_MAX + 1 bytes. */
void id_make_command(char *id);

#endif
