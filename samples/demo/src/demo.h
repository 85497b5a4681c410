/* SPDX-License-Identifier: Apache-2.0 */
/* The two services of program demo: helloworld and httpbin.
 *
 * Place   main.c reads their environment; they get it as exchange.conf
 */
#ifndef DEMO_DEMO_H
#define DEMO_DEMO_H

#include "exchange.h"

struct demo_conf {
    const char *version; /* helloworld: $SERVICE_VERSION */
    const char *podname; /* helloworld: $HOSTNAME */
};

extern const struct service_type helloworld_service, httpbin_service;

#endif
