/* SPDX-License-Identifier: Apache-2.0 */
/* DNS messages: bytes to and from plain structs.
 *
 *   header (12 bytes) | question* | answer* | authority* | additional*
 *   name = labels ("3www5weft3dev0"), or a pointer to an earlier name (never forwards, so no loop)
 *
 * Names are written in lower case without the last dot ("" is the root); a label's byte that is not
 * printable, or a dot inside a label, is refused. EDNS (OPT) is told apart as `udp_size`.
 *
 * Place   the sandbox's cluster DNS server; a sidecar's DNS capture
 * Owns    nothing; a decoded message lives in the caller's arena
 * Limits  65,535 bytes; DNS_RECORDS_MAX records a section; one question is usual, 4 are read
 * Spec    RFC 1035, 2782 (SRV), 3596 (AAAA), 6891 (EDNS)
 */
#ifndef WEFT_WIRE_DNS_H
#define WEFT_WIRE_DNS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"

enum {
    DNS_NAME_MAX = 253,    /* bytes of a name's text */
    DNS_UDP_SIZE = 512,    /* of an answer over UDP without EDNS */
    DNS_SIZE_MAX = 65535,  /* of a message over TCP */
    DNS_RECORDS_MAX = 512, /* records in a section */
    DNS_QUESTIONS_MAX = 4,
};

enum dns_type {
    DNS_TYPE_A = 1,
    DNS_TYPE_NS = 2,
    DNS_TYPE_CNAME = 5,
    DNS_TYPE_SOA = 6,
    DNS_TYPE_PTR = 12,
    DNS_TYPE_TXT = 16,
    DNS_TYPE_AAAA = 28,
    DNS_TYPE_SRV = 33,
    DNS_TYPE_OPT = 41,
    DNS_TYPE_ANY = 255,
};

enum dns_rcode {
    DNS_RCODE_OK = 0,
    DNS_RCODE_FORMAT = 1,
    DNS_RCODE_SERVFAIL = 2,
    DNS_RCODE_NXDOMAIN = 3,
    DNS_RCODE_UNSUPPORTED = 4,
    DNS_RCODE_REFUSED = 5,
};

struct dns_question {
    const char *name;
    uint16_t type;
    uint16_t class_code; /* 1: Internet */
};

struct dns_record {
    const char *name;
    uint16_t type;
    uint32_t ttl_s;
    uint8_t ip[16];      /* A (4 bytes used), AAAA */
    const char *target;  /* CNAME, PTR, NS, SRV; SOA: the primary server */
    uint16_t priority;   /* SRV */
    uint16_t weight;     /* SRV */
    uint16_t port;       /* SRV */
    const char *mailbox; /* SOA */
    uint32_t serial;     /* SOA */
    uint32_t minimum_s;  /* SOA: how long "no such name" may be kept */
    struct slice data;   /* other types: the bytes as they are (TXT: length-prefixed strings) */
};

struct dns_records {
    struct dns_record *items;
    size_t count;
};

/* Zero-initialise. */
struct dns_message {
    uint16_t id;
    bool response;
    uint8_t opcode; /* 0: query */
    bool authoritative;
    bool truncated;
    bool recursion_desired;
    bool recursion_available;
    uint8_t rcode;
    struct dns_question questions[DNS_QUESTIONS_MAX];
    size_t question_count;
    struct dns_records answers;
    struct dns_records authority;
    struct dns_records additional; /* without OPT */
    uint16_t udp_size;             /* of the OPT record; 0: there is none */
};

/* Decodes a whole message into `arena`. ERR_INVALID for anything malformed, ERR_LIMIT above a
 * limit; then *ret holds what the header said (id, opcode) when at least 12 bytes were there. */
MUST_USE int dns_message_decode(struct arena *arena, struct slice bytes, struct dns_message *ret);

/* Appends the message, names compressed. Records that do not fit size_max are left out, whole, and
 * the truncated flag is set (answers first, then authority, additional). ERR_INVALID for a name
 * that cannot be written; `out` is then as before. */
MUST_USE int dns_message_encode(const struct dns_message *message, size_t size_max,
                                struct buf *out);

/* Whether the text can be a name: labels of 1 to 63 bytes, 253 in all. */
bool dns_name_is_valid(struct slice name);

#endif
