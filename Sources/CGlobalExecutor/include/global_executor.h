/// Where Swift's concurrency runtime asks who runs the jobs that belong to no executor of their own.

#ifndef CHATELAINE_GLOBAL_EXECUTOR_H
#define CHATELAINE_GLOBAL_EXECUTOR_H

#include <stdbool.h>

/// Has `enqueue` called with each such job from now on, unless somebody else has that already.
///
/// The runtime has a variable for this, `swift_task_enqueueGlobal_hook`, a function in Swift's own calling convention. To look it
/// up by its name while the program runs, as SwiftNIO does, finds nothing in a program that has the runtime inside.
///
/// Source: swift, stdlib/public/Concurrency, "Hooks".
bool chatelaine_take_global_executor(void (*_Nonnull enqueue)(void *_Nonnull job));

#endif
