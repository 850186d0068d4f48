<?php

/*
 * Pillion\CancelledException. For IDEs and static analysers; not loaded where the extension is.
 */

declare(strict_types=1);

namespace Pillion;

/**
 * Code 500: the job was cancelled, by {@see Future::cancel()} or because no caller waited for it any more.
 */
final class CancelledException extends Exception
{
}
