#include "global_executor.h"

#include <stdatomic.h>
#include <stddef.h>

typedef __attribute__((swiftcall)) void (*original_enqueue)(void *job);
typedef __attribute__((swiftcall)) void (*enqueue_hook)(void *job, original_enqueue original);

extern _Atomic(enqueue_hook) swift_task_enqueueGlobal_hook;

static void (*taker)(void *job);

static __attribute__((swiftcall)) void enqueue(void *job, original_enqueue original) {
    (void)original;
    taker(job);
}

bool chatelaine_take_global_executor(void (*enqueue_job)(void *job)) {
    taker = enqueue_job;
    enqueue_hook nobody = NULL;
    return atomic_compare_exchange_strong(&swift_task_enqueueGlobal_hook, &nobody, enqueue);
}
