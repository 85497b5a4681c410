/* SPDX-License-Identifier: Apache-2.0 */
/* productpage: the page that people see, and the same data as JSON.
 *
 * Place   called by server.c for the image examples-bookinfo-productpage-v1
 * Owns    counters of calls by service and status, until the process ends
 * Spec    Istio's sample. /productpage answers 200 even when details or reviews fail; reviews are
 *         asked twice, 3 s each (a fault on purpose, of which the fault injection tutorial tells);
 *         end-user comes from the session alone
 */
#include "answer.h"
#include "base/mem.h"
#include "bookinfo.h"
#include "page.h"
#include "session.h"

enum { COUNTERS_MAX = 64, REVIEWS_TRIES = 2, CALL_TIMEOUT_MS = 3000 };

struct counter {
    const char *app;
    int status;
    unsigned long long count;
};

struct productpage {
    struct counter counters[COUNTERS_MAX];
    size_t counter_count;
};

/* One request's way through the back ends. */
struct visit {
    const char *id;       /* of the book */
    unsigned tries;       /* of reviews, so far */
    unsigned flooded;     /* extra calls of reviews, so far */
    int details_status;   /* what details answered, 0: nothing */
    struct slice details; /* its body, in the arena */
};

/* A back end as productpage sees it. */
struct backend {
    const char *app;   /* also the first segment of its paths */
    const char *error; /* shown when it fails */
};

static const struct backend details = {
    "details", "Sorry, product details are currently unavailable for this book."};
static const struct backend reviews = {
    "reviews", "Sorry, product reviews are currently unavailable for this book."};
static const struct backend ratings = {
    "ratings", "Sorry, product ratings are currently unavailable for this book."};

static void *productpage_open(const void *conf)
{
    (void)conf;
    return MEM_NEW(struct productpage);
}

static void productpage_close(void *service_state)
{
    mem_free(service_state);
}

static void count(struct exchange *exchange, const struct backend *backend, int status)
{
    struct productpage *self = exchange->service_state;
    struct counter *counter = self->counters;

    while (counter < self->counters + self->counter_count &&
           (counter->app != backend->app || counter->status != status))
        counter++;
    if (counter == self->counters + COUNTERS_MAX)
        return;
    if (counter == self->counters + self->counter_count)
        self->counters[self->counter_count++] =
            (struct counter){.app = backend->app, .status = status};
    counter->count++;
}

static const char *signed_in(struct exchange *exchange)
{
    return session_user(exchange->arena, exchange_header(exchange, "cookie"));
}

static void call(struct exchange *exchange, const struct backend *backend,
                 exchange_on_call *on_done)
{
    const struct bookinfo_conf *conf = exchange->conf;
    const struct visit *visit = exchange->state;
    struct exchange_call call = {
        .host = conf->details_host,
        .port = conf->details_port,
        .path = arena_printf(exchange->arena, "/%s/%s", backend->app, visit->id),
        .timeout_ms = CALL_TIMEOUT_MS,
        .forward = answer_forward_page,
        .end_user = signed_in(exchange),
    };

    if (backend == &reviews) {
        call.host = conf->reviews_host;
        call.port = conf->reviews_port;
    } else if (backend == &ratings) {
        call.host = conf->ratings_host;
        call.port = conf->ratings_port;
    }
    exchange_call(exchange, &call, on_done);
}

/* What a back end answered: its JSON and 200, or the error to show and a status that is not 200. */
static json_t *answered(struct exchange *exchange, const struct backend *backend, int *status,
                        struct slice body)
{
    json_t *value = *status == 200 ? json_loadb(body.data, body.len, 0, NULL) : NULL;

    if (!value && (*status == 200 || *status == 0))
        *status = 500;
    count(exchange, backend, *status);
    return value ? value : json_pack("{s:s}", "error", backend->error);
}

static void show(struct exchange *exchange, int reviews_status, struct slice reviews_body)
{
    struct visit *visit = exchange->state;
    SCOPED(buf_deinit) struct buf out;
    struct page page = {.user = signed_in(exchange),
                        .details_status = visit->details_status,
                        .reviews_status = reviews_status};
    json_t *book = answered(exchange, &details, &page.details_status, visit->details);
    json_t *opinions = answered(exchange, &reviews, &page.reviews_status, reviews_body);

    page.details = book;
    page.reviews = opinions;
    buf_init(&out, EXCHANGE_REPLY_MAX);
    page_format(&out, &page);
    json_decref(book);
    json_decref(opinions);
    exchange_reply(exchange, out.failed ? 500 : 200, "text/html; charset=utf-8", buf_slice(&out));
}

static void on_page_reviews(struct exchange *exchange, int status, struct slice body)
{
    struct visit *visit = exchange->state;

    if (status != 200 && ++visit->tries < REVIEWS_TRIES)
        call(exchange, &reviews, on_page_reviews);
    else
        show(exchange, status, body);
}

static void on_flood(struct exchange *exchange, int status, struct slice body)
{
    const struct bookinfo_conf *conf = exchange->conf;
    struct visit *visit = exchange->state;

    (void)status;
    (void)body;
    if (visit->flooded++ < conf->flood_factor)
        call(exchange, &reviews, on_flood);
    else
        call(exchange, &reviews, on_page_reviews);
}

static void on_page_details(struct exchange *exchange, int status, struct slice body)
{
    struct visit *visit = exchange->state;

    visit->details_status = status;
    visit->details = arena_slice_dup(exchange->arena, body);
    on_flood(exchange, 0, slice_str(NULL));
}

static void visit_start(struct exchange *exchange, struct slice id, const struct backend *first,
                        exchange_on_call *on_done)
{
    struct visit *visit = ARENA_NEW(exchange->arena, struct visit);

    visit->id = arena_slice_str(exchange->arena, id);
    exchange->state = visit;
    call(exchange, first, on_done);
}

static void product_page(struct exchange *exchange)
{
    visit_start(exchange, SLICE("0"), &details, on_page_details);
}

static void on_api(struct exchange *exchange, const struct backend *backend, int status,
                   struct slice body)
{
    json_t *value = answered(exchange, backend, &status, body);

    answer_json(exchange, status, value, 0);
}

static void on_api_details(struct exchange *exchange, int status, struct slice body)
{
    on_api(exchange, &details, status, body);
}

static void on_api_reviews(struct exchange *exchange, int status, struct slice body)
{
    struct visit *visit = exchange->state;

    if (status != 200 && ++visit->tries < REVIEWS_TRIES)
        call(exchange, &reviews, on_api_reviews);
    else
        on_api(exchange, &reviews, status, body);
}

static void on_api_ratings(struct exchange *exchange, int status, struct slice body)
{
    on_api(exchange, &ratings, status, body);
}

static void products(struct exchange *exchange)
{
    answer_json(exchange, 200,
                json_pack("[{s:i,s:s,s:s}]", "id", 0, "title", page_title, "descriptionHtml",
                          page_description),
                0);
}

/* /api/v1/products/ID, .../ID/reviews, .../ID/ratings */
static void product(struct exchange *exchange, struct slice rest)
{
    struct slice id = {0};

    if (!slice_split_next(&rest, '/', &id) || id.len == 0)
        answer_error(exchange, 404, "no such page");
    else if (rest.data == NULL)
        visit_start(exchange, id, &details, on_api_details);
    else if (slice_eq_str(rest, "reviews"))
        visit_start(exchange, id, &reviews, on_api_reviews);
    else if (slice_eq_str(rest, "ratings"))
        visit_start(exchange, id, &ratings, on_api_ratings);
    else
        answer_error(exchange, 404, "no such page");
}

/* Signs in or out and goes back to where the visitor came from. */
static void redirect(struct exchange *exchange, const char *user)
{
    struct slice referer = exchange_header(exchange, "referer");

    if (!referer.data) {
        exchange_reply(exchange, 500, "text/plain", SLICE("no Referer to go back to\n"));
        return;
    }
    exchange->location = arena_slice_str(exchange->arena, referer);
    exchange->set_cookie = session_cookie(exchange->arena, user);
    exchange_reply(exchange, 302, "text/html; charset=utf-8", SLICE("Redirecting...\n"));
}

static void login(struct exchange *exchange)
{
    if (!slice_eq_str(exchange->method, "POST"))
        exchange_reply(exchange, 405, "text/plain", SLICE("use POST\n"));
    else
        redirect(exchange, session_form_field(exchange->arena, exchange->body, "username"));
}

static void logout(struct exchange *exchange)
{
    redirect(exchange, NULL);
}

static void health(struct exchange *exchange)
{
    exchange_reply(exchange, 200, "text/html; charset=utf-8", SLICE("Product page is healthy"));
}

static void metrics(struct exchange *exchange)
{
    const struct productpage *self = exchange->service_state;
    SCOPED(buf_deinit) struct buf out;

    buf_init(&out, EXCHANGE_REPLY_MAX);
    buf_append_str(&out, "# HELP request_result_total Results of requests\n"
                         "# TYPE request_result_total counter\n");
    for (size_t i = 0; i < self->counter_count; i++)
        buf_printf(&out,
                   "request_result_total{destination_app=\"%s\",response_code=\"%d\"} %llu.0\n",
                   self->counters[i].app, self->counters[i].status, self->counters[i].count);
    exchange_reply(exchange, 200, "text/plain; version=0.0.4; charset=utf-8", buf_slice(&out));
}

static void index_page(struct exchange *exchange)
{
    SCOPED(buf_deinit) struct buf out;

    buf_init(&out, EXCHANGE_REPLY_MAX);
    page_index_format(&out, exchange->conf);
    exchange_reply(exchange, 200, "text/html; charset=utf-8", buf_slice(&out));
}

static void style(struct exchange *exchange)
{
    exchange_reply(exchange, 200, "text/css; charset=utf-8", slice_str(page_style));
}

static void portrait(struct exchange *exchange)
{
    exchange_reply(exchange, 200, "image/svg+xml", slice_str(page_portrait));
}

static void handle(struct exchange *exchange)
{
    static const struct {
        const char *path;
        void (*answer)(struct exchange *exchange);
    } pages[] = {
        {"/", index_page},
        {"/index.html", index_page},
        {"/health", health},
        {"/login", login},
        {"/logout", logout},
        {"/productpage", product_page},
        {"/api/v1/products", products},
        {"/metrics", metrics},
        {"/static/tailwind/tailwind.css", style},
        {"/static/img/izzy.png", portrait},
    };
    struct slice rest;

    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        if (slice_eq_str(exchange->path, pages[i].path)) {
            pages[i].answer(exchange);
            return;
        }
    }
    if (answer_path(exchange, "/api/v1/products/", &rest))
        product(exchange, rest);
    else
        answer_error(exchange, 404, "no such page");
}

const struct service_type productpage_service = {.name = "productpage",
                                                 .port = BOOKINFO_PORT,
                                                 .open = productpage_open,
                                                 .close = productpage_close,
                                                 .handle = handle};
