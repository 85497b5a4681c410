/* SPDX-License-Identifier: Apache-2.0 */
/* SPDY/3.1 frames, as far as Kubernetes' port-forward uses them: bytes to frames and back.
 *
 *   control  1 version(15)  type(16)   flags(8) length(24)  payload    headers are zlib-compressed,
 *   data     0 stream id(31)           flags(8) length(24)  payload    one stream a direction
 *
 * Place   kube/forward.c, its tests, fuzz/fuzz_spdy.c
 * Owns    the reader keeps at most one unfinished frame, and zlib's window; the writer zlib's state
 * Limits  SPDY_FRAME_MAX bytes a frame; SPDY_HEADERS_MAX headers of SPDY_HEADER_BYTES_MAX in all
 * Spec    draft-mbelshe-httpbis-spdy-00 and its version 3.1; no priorities, settings, flow control
 */
#ifndef WEFT_WIRE_SPDY_H
#define WEFT_WIRE_SPDY_H

#include "base/buf.h"
#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"

enum { SPDY_FRAME_MAX = 1 << 20, SPDY_HEADERS_MAX = 32, SPDY_HEADER_BYTES_MAX = 16384 };

/* The numbers of control frames; data has none on the wire. */
enum spdy_kind {
    SPDY_DATA = 0,
    SPDY_SYN_STREAM = 1,
    SPDY_SYN_REPLY = 2,
    SPDY_RST_STREAM = 3,
    SPDY_PING = 6,
    SPDY_GOAWAY = 7,
};

struct spdy_header {
    struct slice name, value;
};

/* Borrowed from the reader until on_frame returns. */
struct spdy_frame {
    enum spdy_kind kind;
    uint32_t id;       /* of the stream, of the ping, or the last good one of a GOAWAY */
    bool fin;          /* the sender's direction ends with it: SYN_STREAM, SYN_REPLY, data */
    struct slice data; /* SPDY_DATA */
    struct spdy_header headers[SPDY_HEADERS_MAX]; /* SYN_STREAM, SYN_REPLY */
    size_t header_count;
};

struct spdy_codec; /* zlib's side of a direction */

struct spdy_reader {
    /* private */
    struct buf pending;
    struct spdy_codec *codec;
    char *text; /* inflated headers */
};

void spdy_reader_init(struct spdy_reader *reader);
void spdy_reader_deinit(struct spdy_reader *reader);
/* Takes bytes; on_frame runs for each whole frame of a kind above (others are skipped) and returns
 * false to stop, which ends the call with 0. ERR_PROTOCOL for a malformed frame, ERR_LIMIT. */
MUST_USE int spdy_reader_feed(struct spdy_reader *reader, struct slice bytes,
                              bool (*on_frame)(const struct spdy_frame *frame, void *ctx),
                              void *ctx);
/* The value of a header; len 0 when absent. */
struct slice spdy_frame_header(const struct spdy_frame *frame, const char *name);

struct spdy_writer {
    /* private */
    struct spdy_codec *codec;
};

void spdy_writer_init(struct spdy_writer *writer);
void spdy_writer_deinit(struct spdy_writer *writer);
/* Appends a SYN_STREAM or SYN_REPLY with headers, or one of the frames that need no writer.
 * ERR_LIMIT when `out` is full. */
MUST_USE int spdy_syn_encode(struct spdy_writer *writer, const struct spdy_frame *frame,
                             struct buf *out);
MUST_USE int spdy_data_encode(uint32_t id, struct slice data, bool fin, struct buf *out);
/* An RST_STREAM (status: 1 protocol error, 3 refused, 5 cancelled), or a PING's answer. */
MUST_USE int spdy_rst_encode(uint32_t id, uint32_t status, struct buf *out);
MUST_USE int spdy_ping_encode(uint32_t id, struct buf *out);

#endif
