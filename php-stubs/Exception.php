<?php

/*
 * Pillion\Exception. For IDEs and static analysers; never loaded where the extension is.
 */

declare(strict_types=1);

namespace Pillion;

/**
 * Whatever Pillion throws that is about the world and not about the code. `getCode()` is stable; a class may have more
 * than one. Wrong arguments are PHP's own `TypeError` and `ValueError`, as with any function of PHP's.
 */
abstract class Exception extends \RuntimeException
{
}
