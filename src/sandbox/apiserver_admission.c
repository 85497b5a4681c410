/* SPDX-License-Identifier: Apache-2.0 */
/* Admission: calls nothing yet. */
#include "sandbox/apiserver_int.h"

void apiserver_admission_run(struct apiserver_call *call, bool mutating,
                             void (*next)(struct apiserver_call *call))
{
    (void)mutating;
    next(call);
}

void apiserver_admission_cancel(struct apiserver_call *call)
{
    (void)call;
}
