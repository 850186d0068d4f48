<?php

/*
 * Pillion\StateException. For IDEs and static analysers; never loaded where the extension is.
 */

declare(strict_types=1);

namespace Pillion;

/**
 * Not possible as things stand on this machine.
 *
 * - 800: in this state of the process (a parent's future after a fork, preloading, shutdown), or a binary is gone.
 * - 900: the operating system refused; the message names the file and what was tried.
 * - 999: a defect of Pillion's; its log has the place.
 */
final class StateException extends Exception
{
}
