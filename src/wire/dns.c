/* SPDX-License-Identifier: Apache-2.0 */
/* The DNS codec: a cursor over the bytes for reading; a buffer with a table of written names for
 * writing.
 *
 * Pointers are followed only to places before the name that holds them, each one further back than
 * the last, so a chain of pointers ends; the text's bound of 253 bytes ends it sooner.
 */
#include "wire/dns.h"

#include <ctype.h>

enum { HEADER_SIZE = 12, LABEL_MAX = 63, POINTER_MASK = 0xC0, OFFSET_MAX = 0x3FFF };

/* --- reading --- */

struct reader {
    struct arena *arena;
    struct slice bytes;
    size_t at;
};

static int read_u8(struct reader *r, uint8_t *ret)
{
    if (r->at + 1 > r->bytes.len)
        return ERR_INVALID;
    *ret = (uint8_t)r->bytes.data[r->at++];
    return 0;
}

static int read_u16(struct reader *r, uint16_t *ret)
{
    uint8_t high, low;

    if (read_u8(r, &high) < 0 || read_u8(r, &low) < 0)
        return ERR_INVALID;
    *ret = (uint16_t)(high << 8 | low);
    return 0;
}

static int read_u32(struct reader *r, uint32_t *ret)
{
    uint16_t high, low;

    if (read_u16(r, &high) < 0 || read_u16(r, &low) < 0)
        return ERR_INVALID;
    *ret = (uint32_t)high << 16 | low;
    return 0;
}

static int read_bytes(struct reader *r, size_t len, struct slice *ret)
{
    if (len > r->bytes.len - r->at)
        return ERR_INVALID;
    *ret = slice_make(r->bytes.data + r->at, len);
    r->at += len;
    return 0;
}

/* Appends one label to the text, lower case; *len grows. */
static int label_append(struct slice label, char *text, size_t *len)
{
    if (*len + label.len + 1 > DNS_NAME_MAX + 1)
        return ERR_INVALID;
    if (*len > 0)
        text[(*len)++] = '.';
    for (size_t i = 0; i < label.len; i++) {
        unsigned char c = (unsigned char)label.data[i];

        if (c <= ' ' || c == '.' || c >= 0x7F)
            return ERR_INVALID;
        text[(*len)++] = (char)tolower(c);
    }
    return *len > DNS_NAME_MAX ? ERR_INVALID : 0;
}

static int read_name(struct reader *r, const char **ret)
{
    struct reader walk = *r;
    char text[DNS_NAME_MAX + 2];
    size_t len = 0;
    size_t before = r->at; /* pointers must lead before this */
    bool jumped = false;

    for (;;) {
        struct slice label;
        uint8_t size, low;

        if (read_u8(&walk, &size) < 0)
            return ERR_INVALID;
        if ((size & POINTER_MASK) == POINTER_MASK) {
            size_t target;

            if (read_u8(&walk, &low) < 0)
                return ERR_INVALID;
            if (!jumped)
                r->at = walk.at;
            jumped = true;
            target = (size_t)(size & ~POINTER_MASK) << 8 | low;
            if (target >= before)
                return ERR_INVALID;
            before = target;
            walk.at = target;
            continue;
        }
        if (size == 0)
            break;
        if (size > LABEL_MAX || read_bytes(&walk, size, &label) < 0 ||
            label_append(label, text, &len) < 0)
            return ERR_INVALID;
    }
    if (!jumped)
        r->at = walk.at;
    *ret = arena_slice_str(r->arena, slice_make(text, len));
    return 0;
}

static int read_soa(struct reader *r, struct dns_record *record)
{
    uint32_t skipped;

    if (read_name(r, &record->target) < 0 || read_name(r, &record->mailbox) < 0 ||
        read_u32(r, &record->serial) < 0)
        return ERR_INVALID;
    for (int i = 0; i < 3; i++) /* refresh, retry, expire: for secondary servers only */
        if (read_u32(r, &skipped) < 0)
            return ERR_INVALID;
    return read_u32(r, &record->minimum_s);
}

static int read_srv(struct reader *r, struct dns_record *record)
{
    if (read_u16(r, &record->priority) < 0 || read_u16(r, &record->weight) < 0 ||
        read_u16(r, &record->port) < 0)
        return ERR_INVALID;
    return read_name(r, &record->target);
}

static int read_rdata(struct reader *r, uint16_t size, struct dns_record *record)
{
    struct slice bytes;
    size_t ip_size = record->type == DNS_TYPE_A ? 4 : 16;

    switch (record->type) {
    case DNS_TYPE_A:
    case DNS_TYPE_AAAA:
        if (size != ip_size || read_bytes(r, size, &bytes) < 0)
            return ERR_INVALID;
        memcpy(record->ip, bytes.data, size);
        return 0;
    case DNS_TYPE_CNAME:
    case DNS_TYPE_NS:
    case DNS_TYPE_PTR:
        return read_name(r, &record->target);
    case DNS_TYPE_SRV:
        return read_srv(r, record);
    case DNS_TYPE_SOA:
        return read_soa(r, record);
    default:
        if (read_bytes(r, size, &bytes) < 0)
            return ERR_INVALID;
        record->data = arena_slice_dup(r->arena, bytes);
        return 0;
    }
}

/* One record; an OPT record is told by *ret_udp_size (and not kept). */
static int read_record(struct reader *r, struct dns_record *record, uint16_t *ret_udp_size)
{
    uint16_t class_code, size;
    size_t end;

    if (read_name(r, &record->name) < 0 || read_u16(r, &record->type) < 0 ||
        read_u16(r, &class_code) < 0 || read_u32(r, &record->ttl_s) < 0 || read_u16(r, &size) < 0)
        return ERR_INVALID;
    if (size > r->bytes.len - r->at)
        return ERR_INVALID;
    end = r->at + size;
    if (record->type == DNS_TYPE_OPT) {
        *ret_udp_size = MAX(class_code, (uint16_t)DNS_UDP_SIZE);
        r->at = end;
        return 0;
    }
    if (read_rdata(r, size, record) < 0 || r->at != end)
        return ERR_INVALID;
    return 0;
}

static int read_section(struct reader *r, uint16_t count, struct dns_records *ret,
                        uint16_t *udp_size)
{
    if (count > DNS_RECORDS_MAX)
        return ERR_LIMIT;
    if (count == 0)
        return 0;
    ret->items = ARENA_ARRAY(r->arena, struct dns_record, count);
    for (uint16_t i = 0; i < count; i++) {
        struct dns_record record = {0};

        if (read_record(r, &record, udp_size) < 0)
            return ERR_INVALID;
        if (record.type != DNS_TYPE_OPT)
            ret->items[ret->count++] = record;
    }
    return 0;
}

static void flags_decode(uint16_t flags, struct dns_message *message)
{
    message->response = flags >> 15;
    message->opcode = flags >> 11 & 0xF;
    message->authoritative = flags >> 10 & 1;
    message->truncated = flags >> 9 & 1;
    message->recursion_desired = flags >> 8 & 1;
    message->recursion_available = flags >> 7 & 1;
    message->rcode = flags & 0xF;
}

int dns_message_decode(struct arena *arena, struct slice bytes, struct dns_message *ret)
{
    struct reader r = {.arena = arena, .bytes = bytes};
    struct dns_message message = {0};
    uint16_t flags, counts[4];
    int rc;

    if (bytes.len < HEADER_SIZE || bytes.len > DNS_SIZE_MAX || read_u16(&r, &message.id) < 0 ||
        read_u16(&r, &flags) < 0)
        return ERR_INVALID;
    flags_decode(flags, &message);
    *ret = message;
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        if (read_u16(&r, &counts[i]) < 0)
            return ERR_INVALID;
    if (counts[0] > DNS_QUESTIONS_MAX)
        return ERR_LIMIT;
    for (; message.question_count < counts[0]; message.question_count++) {
        struct dns_question *question = &message.questions[message.question_count];

        if (read_name(&r, &question->name) < 0 || read_u16(&r, &question->type) < 0 ||
            read_u16(&r, &question->class_code) < 0)
            return ERR_INVALID;
    }
    rc = read_section(&r, counts[1], &message.answers, &message.udp_size);
    if (rc == 0)
        rc = read_section(&r, counts[2], &message.authority, &message.udp_size);
    if (rc == 0)
        rc = read_section(&r, counts[3], &message.additional, &message.udp_size);
    if (rc == 0)
        *ret = message;
    return rc;
}

/* --- writing --- */

enum { WRITTEN_NAMES_MAX = 64 };

struct writer {
    struct buf *out;
    size_t start;    /* of the message in out */
    size_t size_max; /* bytes of the message */
    struct {
        const char *name; /* a name or the rest of one, in the caller's memory */
        uint16_t offset;
    } names[WRITTEN_NAMES_MAX];
    size_t name_count;
};

static size_t written_len(const struct writer *w)
{
    return w->out->len - w->start;
}

static void write_u8(struct writer *w, unsigned value)
{
    buf_append_char(w->out, (char)(value & 0xFF));
}

static void write_u16(struct writer *w, unsigned value)
{
    write_u8(w, value >> 8);
    write_u8(w, value);
}

static void write_u32(struct writer *w, uint32_t value)
{
    write_u16(w, value >> 16);
    write_u16(w, value & 0xFFFF);
}

static void patch_u16(struct writer *w, size_t at, unsigned value)
{
    w->out->data[at] = (char)(value >> 8 & 0xFF);
    w->out->data[at + 1] = (char)(value & 0xFF);
}

static int name_offset(const struct writer *w, const char *name)
{
    for (size_t i = 0; i < w->name_count; i++)
        if (slice_eq_nocase(slice_str(w->names[i].name), slice_str(name)))
            return w->names[i].offset;
    return -1;
}

static void name_remember(struct writer *w, const char *name)
{
    if (w->name_count == WRITTEN_NAMES_MAX || written_len(w) > OFFSET_MAX)
        return;
    w->names[w->name_count].name = name;
    w->names[w->name_count++].offset = (uint16_t)written_len(w);
}

static void write_name(struct writer *w, const char *name)
{
    while (*name) {
        const char *dot = strchr(name, '.');
        size_t len = dot ? (size_t)(dot - name) : strlen(name);
        int offset = name_offset(w, name);

        if (offset >= 0) {
            write_u16(w, (unsigned)offset | POINTER_MASK << 8);
            return;
        }
        name_remember(w, name);
        write_u8(w, (unsigned)len);
        buf_append(w->out, slice_make(name, len));
        name += len + (dot ? 1 : 0);
    }
    write_u8(w, 0);
}

static void write_rdata(struct writer *w, const struct dns_record *record)
{
    switch (record->type) {
    case DNS_TYPE_A:
        buf_append(w->out, slice_make(record->ip, 4));
        break;
    case DNS_TYPE_AAAA:
        buf_append(w->out, slice_make(record->ip, 16));
        break;
    case DNS_TYPE_SRV:
        write_u16(w, record->priority);
        write_u16(w, record->weight);
        write_u16(w, record->port);
        write_name(w, record->target);
        break;
    case DNS_TYPE_CNAME:
    case DNS_TYPE_NS:
    case DNS_TYPE_PTR:
        write_name(w, record->target);
        break;
    case DNS_TYPE_SOA:
        write_name(w, record->target);
        write_name(w, record->mailbox);
        write_u32(w, record->serial);
        write_u32(w, 7200);  /* refresh */
        write_u32(w, 1800);  /* retry */
        write_u32(w, 86400); /* expire */
        write_u32(w, record->minimum_s);
        break;
    default:
        buf_append(w->out, record->data);
    }
}

static bool record_is_valid(const struct dns_record *record)
{
    bool has_target = record->type == DNS_TYPE_SRV || record->type == DNS_TYPE_CNAME ||
                      record->type == DNS_TYPE_NS || record->type == DNS_TYPE_PTR ||
                      record->type == DNS_TYPE_SOA;

    if (!record->name || !dns_name_is_valid(slice_str(record->name)))
        return false;
    if (has_target && (!record->target || !dns_name_is_valid(slice_str(record->target))))
        return false;
    return record->type != DNS_TYPE_SOA ||
           (record->mailbox && dns_name_is_valid(slice_str(record->mailbox)));
}

/* 1 written, 0 no room (nothing written), or an error. */
static int write_record(struct writer *w, const struct dns_record *record, size_t room)
{
    size_t before = w->out->len;
    size_t names_before = w->name_count;
    size_t size_at;

    if (!record_is_valid(record))
        return ERR_INVALID;
    write_name(w, record->name);
    write_u16(w, record->type);
    write_u16(w, 1);
    write_u32(w, record->ttl_s);
    size_at = w->out->len;
    write_u16(w, 0);
    write_rdata(w, record);
    if (w->out->failed)
        return ERR_LIMIT;
    patch_u16(w, size_at, (unsigned)(w->out->len - size_at - 2));
    if (written_len(w) + room <= w->size_max)
        return 1;
    w->out->len = before;
    w->name_count = names_before;
    return 0;
}

/* Count of records written, or an error; *full stops the sections that follow. */
static int write_section(struct writer *w, const struct dns_records *records, size_t room,
                         bool *full)
{
    int count = 0;

    for (size_t i = 0; i < records->count && !*full; i++) {
        int rc = write_record(w, &records->items[i], room);

        if (rc < 0)
            return rc;
        if (rc == 0)
            *full = true;
        else
            count++;
    }
    return count;
}

static unsigned flags_encode(const struct dns_message *m, bool truncated)
{
    return (unsigned)m->response << 15 | (unsigned)(m->opcode & 0xF) << 11 |
           (unsigned)m->authoritative << 10 | (unsigned)truncated << 9 |
           (unsigned)m->recursion_desired << 8 | (unsigned)m->recursion_available << 7 |
           (m->rcode & 0xFU);
}

static int write_message(struct writer *w, const struct dns_message *m)
{
    static const size_t opt_size = 11;
    const struct dns_records *sections[] = {&m->answers, &m->authority, &m->additional};
    size_t room = m->udp_size ? opt_size : 0;
    bool full = m->truncated;
    size_t counts_at;

    write_u16(w, m->id);
    write_u16(w, 0);
    write_u16(w, (unsigned)m->question_count);
    counts_at = w->out->len;
    for (int i = 0; i < 3; i++)
        write_u16(w, 0);
    for (size_t i = 0; i < m->question_count; i++) {
        if (!dns_name_is_valid(slice_str(m->questions[i].name)))
            return ERR_INVALID;
        write_name(w, m->questions[i].name);
        write_u16(w, m->questions[i].type);
        write_u16(w, m->questions[i].class_code);
    }
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        int count = write_section(w, sections[i], room, &full);

        if (count < 0)
            return count;
        if (i == 2 && m->udp_size) {
            write_u8(w, 0);
            write_u16(w, DNS_TYPE_OPT);
            write_u16(w, m->udp_size);
            write_u32(w, 0);
            write_u16(w, 0);
            count++;
        }
        if (w->out->failed)
            return ERR_LIMIT;
        patch_u16(w, counts_at + 2 * i, (unsigned)count);
    }
    patch_u16(w, counts_at - 4, flags_encode(m, full));
    return w->out->failed ? ERR_LIMIT : 0;
}

int dns_message_encode(const struct dns_message *message, size_t size_max, struct buf *out)
{
    struct writer w = {.out = out, .start = out->len, .size_max = MIN(size_max, DNS_SIZE_MAX)};
    int rc;

    if (message->question_count > DNS_QUESTIONS_MAX)
        return ERR_INVALID;
    rc = write_message(&w, message);
    if (rc < 0)
        out->len = w.start;
    return rc;
}

bool dns_name_is_valid(struct slice name)
{
    struct slice label;

    if (name.len == 0)
        return true;
    if (name.len > DNS_NAME_MAX || memchr(name.data, '\0', name.len))
        return false;
    while (slice_split_next(&name, '.', &label))
        if (label.len == 0 || label.len > LABEL_MAX)
            return false;
    return true;
}
