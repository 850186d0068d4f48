<?php

/*
 * Pillion\QueueFullException. For IDEs and static analysers; not loaded where the extension is.
 */

declare(strict_types=1);

namespace Pillion;

/**
 * Code 600: a bounded queue is full; the message names it and its bound. Try again later.
 */
final class QueueFullException extends Exception
{
}
