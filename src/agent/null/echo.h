/* A thread that greets on sockets like an RFB server and sends back what comes. */
#ifndef SS_AGENT_NULL_ECHO_H
#define SS_AGENT_NULL_ECHO_H

#include "base/err.h"

struct echo;

int echo_create(struct echo **ret, struct err *err);
void echo_destroy(struct echo *echo); /* closes everything; accepts NULL */
/* Takes over a non-blocking socket that has been greeted. From any thread. */
void echo_add(struct echo *echo, int fd, const char *session_id);
/* Closes the sockets of a session. From any thread. */
void echo_drop(struct echo *echo, const char *session_id);

#endif
