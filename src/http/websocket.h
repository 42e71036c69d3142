/* The arithmetic of the WebSocket handshake, for both sides. */
#ifndef SS_HTTP_WEBSOCKET_H
#define SS_HTTP_WEBSOCKET_H

#define WEBSOCKET_ACCEPT_SIZE 29

/* base64(SHA-1(key + GUID)), RFC 6455 section 4.2.2; `accept` has WEBSOCKET_ACCEPT_SIZE bytes. Keys longer
 * than 80 bytes are cut. */
void websocket_accept_value(const char *key, char *accept);

#endif
