/* SPDX-License-Identifier: Apache-2.0 */
/* The HTML that a browser gets from productpage.
 *
 * Place   called by productpage.c; pure text out of values
 * Owns    nothing; every value that comes from outside is escaped here
 */
#ifndef BOOKINFO_PAGE_H
#define BOOKINFO_PAGE_H

#include <jansson.h>

#include "base/buf.h"
#include "bookinfo.h"

extern const char page_title[];       /* the book */
extern const char page_description[]; /* HTML */
extern const char page_style[];       /* /static/tailwind/tailwind.css */
extern const char page_portrait[];    /* /static/img/izzy.png, an SVG image */

/* What the product page shows. Borrows. */
struct page {
    const char *user; /* signed in, or NULL */
    int details_status;
    const json_t *details; /* the answer, or {"error": text} */
    int reviews_status;
    const json_t *reviews;
};

void page_format(struct buf *out, const struct page *page);

/* The page at "/": which service calls which. */
void page_index_format(struct buf *out, const struct bookinfo_conf *conf);

#endif
