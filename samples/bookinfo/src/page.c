/* SPDX-License-Identifier: Apache-2.0 */
/* The product page and the front page.
 *
 * Place   see page.h
 * Spec    ids, form fields, texts and the classes of the stars are those of Istio's sample, because
 *         people, tutorials and tests look for them; the markup around them is ours
 */
#include "page.h"

enum { STARS_MAX = 5 };

const char page_title[] = "The Comedy of Errors";
const char page_description[] =
    "<a href=\"https://en.wikipedia.org/wiki/The_Comedy_of_Errors\">Wikipedia Summary</a>: The "
    "Comedy of Errors is one of <b>William Shakespeare's</b> early plays. It is his shortest and "
    "one of his most farcical comedies, with a major part of the humour coming from slapstick and "
    "mistaken identity, in addition to puns and word play.";

const char page_style[] =
    "body{margin:0;font:16px/1.5 'DejaVu Sans',sans-serif;color:#1f2937}\n"
    "nav{display:flex;justify-content:space-between;align-items:center;padding:.75rem 2rem;"
    "background:#1f2937;color:#fff}\n"
    "nav img,section img{height:2.5rem;border-radius:50%}\n"
    "nav a{color:#d1d5db}nav p{display:inline;margin:0 1rem}\n"
    "button{padding:.5rem 1rem;border:0;border-radius:.375rem;background:#2563eb;color:#fff;"
    "font:inherit;cursor:pointer}\n"
    "main{padding:1rem 2rem}main h1{color:#1e3a8a}\n"
    ".reviews{display:flex;flex-wrap:wrap;background:#2563eb0d;padding:0 2rem}\n"
    "section{flex:1 1 20rem;padding:1rem}\n"
    "table{border-collapse:collapse}th,td{padding:.4rem 1rem .4rem 0;text-align:left;"
    "border-bottom:1px solid #d1d5db}\n"
    "svg{height:1.25rem;width:1.25rem}blockquote{margin:1rem 0;font-size:1.25rem}\n"
    ".text-black-500{color:#000}.text-red-500{color:#ef4444}\n"
    "dialog{border:1px solid #9ca3af;border-radius:.5rem}dialog label{display:block}\n";

const char page_portrait[] = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 40 40\">"
                             "<circle cx=\"20\" cy=\"20\" r=\"20\" fill=\"#dbeafe\"/>"
                             "<circle cx=\"20\" cy=\"15\" r=\"7\" fill=\"#2563eb\"/>"
                             "<path d=\"M6 36a14 14 0 0 1 28 0z\" fill=\"#2563eb\"/></svg>\n";

static const char star_full[] =
    "<svg id=\"glyphicon glyphicon-star\" viewBox=\"0 0 20 20\" fill=\"currentColor\">"
    "<path d=\"M10 1l2.8 5.9 6.2.8-4.6 4.4 1.2 6.4-5.6-3.1-5.6 3.1 1.2-6.4L1 7.7l6.2-.8z\"/>"
    "</svg>\n";
static const char star_empty[] =
    "<svg viewBox=\"0 0 20 20\" fill=\"none\" stroke=\"currentColor\">"
    "<path d=\"M10 1l2.8 5.9 6.2.8-4.6 4.4 1.2 6.4-5.6-3.1-5.6 3.1 1.2-6.4L1 7.7l6.2-.8z\"/>"
    "</svg>\n";

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1.0\">\n"
    "<title>Simple Bookstore App</title>\n"
    "<link rel=\"stylesheet\" href=\"static/tailwind/tailwind.css\">\n";

static const char dialog[] =
    "<dialog id=\"dialog\">\n"
    "<button id=\"close-dialog\" type=\"button\" aria-label=\"Close\">&times;</button>\n"
    "<h2>Sign in to BookInfo</h2>\n"
    "<form name=\"login_form\" method=\"post\" action=\"login\">\n"
    "<label for=\"username\">Username</label>\n"
    "<input id=\"username\" name=\"username\" required>\n"
    "<label for=\"password\">Password</label>\n"
    "<input id=\"password\" name=\"passwd\" type=\"password\" required>\n"
    "<button type=\"submit\">Sign in</button>\n</form>\n"
    "<p>Not using Istio yet? <a href=\"https://istio.io\">Start here</a></p>\n</dialog>\n"
    "<script>\n"
    "const dialog = document.getElementById('dialog');\n"
    "const open = document.getElementById('sign-in-button');\n"
    "if (open) open.addEventListener('click', () => dialog.showModal());\n"
    "document.getElementById('close-dialog').addEventListener('click', () => dialog.close());\n"
    "</script>\n";

/* Text for HTML and attribute values. */
static void text(struct buf *out, const char *value)
{
    for (const char *c = value ? value : ""; *c; c++) {
        switch (*c) {
        case '&':
            buf_append_str(out, "&amp;");
            break;
        case '<':
            buf_append_str(out, "&lt;");
            break;
        case '>':
            buf_append_str(out, "&gt;");
            break;
        case '"':
            buf_append_str(out, "&#34;");
            break;
        case '\'':
            buf_append_str(out, "&#39;");
            break;
        default:
            buf_append_char(out, *c);
        }
    }
}

/* A member that may be text or a number. */
static void member(struct buf *out, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    if (json_is_integer(value))
        buf_printf(out, "%lld", (long long)json_integer_value(value));
    else
        text(out, json_string_value(value));
}

static void element(struct buf *out, const char *open, const json_t *object, const char *name,
                    const char *close)
{
    buf_append_str(out, open);
    member(out, object, name);
    buf_append_str(out, close);
}

static void navigation(struct buf *out, const char *user)
{
    buf_append_str(out, "</head>\n<body>\n<nav>\n<span>BookInfo Sample</span>\n<div>\n");
    if (user) {
        buf_append_str(out, "<img src=\"/static/img/izzy.png\" alt=\"\">\n<p>");
        text(out, user);
        buf_append_str(out, "</p>\n<a href=\"logout\">Sign out</a>\n");
    } else {
        buf_append_str(out, "<button type=\"button\" id=\"sign-in-button\">Sign in</button>\n");
    }
    buf_append_str(out, "</div>\n</nav>\n");
    buf_append_str(out, dialog);
}

static void details(struct buf *out, const struct page *page)
{
    static const char *const columns[][2] = {{"ISBN-10", "ISBN-10"},
                                             {"Publisher", "publisher"},
                                             {"Pages", "pages"},
                                             {"Type", "type"},
                                             {"Language", "language"}};

    if (page->details_status != 200) {
        buf_append_str(out, "<p class=\"text-red-500\">Error fetching product details</p>\n");
        element(out, "<p>", page->details, "error", "</p>\n");
        return;
    }
    buf_append_str(out, "<h4>Book Details</h4>\n<table>\n<tr>");
    for (size_t i = 0; i < ARRAY_LEN(columns); i++)
        buf_printf(out, "<th>%s</th>", columns[i][0]);
    buf_append_str(out, "</tr>\n<tr>");
    for (size_t i = 0; i < ARRAY_LEN(columns); i++)
        element(out, "<td>", page->details, columns[i][1], "</td>");
    buf_append_str(out, "</tr>\n</table>\n");
}

/* Nothing without a rating (v1) or with 0 stars. */
static void stars(struct buf *out, const json_t *rating)
{
    json_int_t count = json_integer_value(json_object_get(rating, "stars"));

    if (count > 0) {
        element(out, "<div class=\"flex gap-x-1 text-", rating, "color", "-500\">\n");
        for (json_int_t i = 0; i < STARS_MAX; i++)
            buf_append_str(out, i < count ? star_full : star_empty);
        buf_append_str(out, "</div>\n");
    } else if (json_object_get(rating, "error")) {
        element(out, "<p class=\"text-red-500\">", rating, "error", "</p>\n");
    }
}

static void reviews(struct buf *out, const struct page *page)
{
    const char *cluster = json_string_value(json_object_get(page->reviews, "clustername"));
    const json_t *review;
    size_t i;

    if (page->reviews_status != 200) {
        buf_append_str(out, "<p class=\"text-red-500\">Error fetching product reviews</p>\n");
        element(out, "<p>", page->reviews, "error", "</p>\n");
        return;
    }
    buf_append_str(out, "<h4>Book Reviews</h4>\n<div class=\"reviews\">\n");
    json_array_foreach(json_object_get(page->reviews, "reviews"), i, review)
    {
        buf_append_str(out, "<section>\n");
        stars(out, json_object_get(review, "rating"));
        element(out, "<blockquote><p>\"", review, "text", "\"</p></blockquote>\n");
        buf_append_str(out, "<img src=\"/static/img/izzy.png\" alt=\"Izzy\">\n");
        element(out, "<div>", review, "reviewer", "</div>\n");
        element(out, "<div>Reviews served by:\n", page->reviews, "podname", "\n");
        if (cluster && strcmp(cluster, "null") != 0)
            element(out, "on cluster <div>", page->reviews, "clustername", "</div>\n");
        buf_append_str(out, "</div>\n</section>\n");
    }
    buf_append_str(out, "</div>\n");
}

void page_format(struct buf *out, const struct page *page)
{
    buf_append_str(out, head);
    navigation(out, page->user);
    buf_printf(out, "<main>\n<h1>%s</h1>\n<p>%s</p>\n", page_title, page_description);
    buf_append_str(out, "<p><a href=\"https://istio.io\">Learn more about Istio &rarr;</a></p>\n");
    details(out, page);
    reviews(out, page);
    buf_append_str(out, "</main>\n</body>\n</html>\n");
}

/* One row of the table of services; `close` ends it after its children. */
static void service(struct buf *out, const char *host, unsigned port, const char *endpoint)
{
    buf_append_str(out, "<table border=\"1\" class=\"table table-condensed table-bordered "
                        "table-hover\">\n<tr><th>name</th><td>http://");
    text(out, host);
    buf_printf(out, ":%u</td></tr>\n<tr><th>endpoint</th><td>%s</td></tr>\n", port, endpoint);
    buf_append_str(out, "<tr><th>children</th><td>");
}

void page_index_format(struct buf *out, const struct bookinfo_conf *conf)
{
    static const char close[] = "</td></tr>\n</table>\n";

    buf_append_str(out, head);
    buf_append_str(out,
                   "</head>\n<body>\n<main>\n<h3>Hello! This is a simple bookstore application "
                   "consisting of three services as shown below</h3>\n");
    service(out, conf->details_host, conf->details_port, "details");
    service(out, conf->details_host, conf->details_port, "details");
    buf_append_str(out, close);
    service(out, conf->reviews_host, conf->reviews_port, "reviews");
    service(out, conf->ratings_host, conf->ratings_port, "ratings");
    buf_append_str(out, close);
    buf_append_str(out, close);
    buf_append_str(out, close);
    buf_append_str(out,
                   "<p>Click on one of the links below to auto generate a request to the backend "
                   "as a real user or a tester</p>\n<ul>\n"
                   "<li><a href=\"/productpage?u=normal\">Normal user</a></li>\n"
                   "<li><a href=\"/productpage?u=test\">Test user</a></li>\n"
                   "</ul>\n</main>\n</body>\n</html>\n");
}
