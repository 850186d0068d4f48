<?php

/*
 * Pillion\StateException. For IDEs and static analysers; not loaded where the extension is.
 */

declare(strict_types=1);

namespace Pillion;

/**
 * Not possible in the current state of the process or the host.
 *
 * - 800: in this state of the process (a parent's future after a fork, preloading, shutdown), or a binary is gone.
 * - 900: a system call failed; the message names the file and the operation.
 * - 999: a bug in Pillion; its log has the location.
 */
final class StateException extends Exception
{
}
