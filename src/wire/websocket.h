/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket frames: bytes to messages and back, for either end; and the handshake's accept key.
 *
 *   byte 0: FIN, 3 reserved bits (0), opcode     byte 1: mask bit, length (7 bits, or 126 + 2
 *   bytes, or 127 + 8 bytes), then 4 bytes of mask (clients mask, servers do not), then the payload
 *
 * Place   the node agent (exec, attach, port-forward of kubectl) and its tests
 * Owns    the reader keeps at most one unfinished message
 * Limits  message_size_max bytes a message; control frames of 125 bytes
 * Spec    RFC 6455; no extensions
 */
#ifndef WEFT_WIRE_WEBSOCKET_H
#define WEFT_WIRE_WEBSOCKET_H

#include "base/buf.h"
#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"

enum websocket_opcode {
    WEBSOCKET_TEXT = 1,
    WEBSOCKET_BINARY = 2,
    WEBSOCKET_CLOSE = 8,
    WEBSOCKET_PING = 9,
    WEBSOCKET_PONG = 10,
};

enum { WEBSOCKET_ACCEPT_SIZE = 29, WEBSOCKET_CLOSE_NORMAL = 1000 };

/* The value of Sec-WebSocket-Accept for the client's Sec-WebSocket-Key; returns out. */
const char *websocket_accept(struct slice key, char out[WEBSOCKET_ACCEPT_SIZE]);

struct websocket_reader {
    /* private */
    bool masked_expected;    /* we are the server: frames must be masked */
    struct buf pending;      /* bytes of a frame that is not whole */
    struct buf message;      /* fragments so far */
    unsigned message_opcode; /* of the first fragment; 0: none */
};

void websocket_reader_init(struct websocket_reader *reader, bool is_server,
                           size_t message_size_max);
void websocket_reader_deinit(struct websocket_reader *reader);
/* Takes bytes; on_message runs for each whole message and each control frame, in order (payload
 * borrowed until it returns; for WEBSOCKET_CLOSE two bytes of code and a text, or nothing). It
 * returns false to stop, which ends the call with 0. ERR_PROTOCOL for a malformed frame, ERR_LIMIT
 * for one above the maximum. */
MUST_USE int websocket_reader_feed(struct websocket_reader *reader, struct slice bytes,
                                   bool (*on_message)(enum websocket_opcode opcode,
                                                      struct slice payload, void *ctx),
                                   void *ctx);

/* Appends one whole frame whose payload is head + body (either may be empty). `mask`: 4 bytes for
 * clients, NULL for servers. ERR_LIMIT when `out` is full. */
MUST_USE int websocket_frame_encode(enum websocket_opcode opcode, struct slice head,
                                    struct slice body, const uint8_t *mask, struct buf *out);
/* Appends a close frame with a code. */
MUST_USE int websocket_close_encode(unsigned code, const uint8_t *mask, struct buf *out);

#endif
