<?php

/*
 * Pillion\CancelledException. For IDEs and static analysers; never loaded where the extension is.
 */

declare(strict_types=1);

namespace Pillion;

/**
 * Code 500: the work was cancelled, by {@see Future::cancel()} or because nobody waited for it any more.
 */
final class CancelledException extends Exception
{
}
