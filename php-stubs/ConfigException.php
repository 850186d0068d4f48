<?php

/*
 * Pillion\ConfigException. For IDEs and static analysers; never loaded where the extension is.
 */

declare(strict_types=1);

namespace Pillion;

/**
 * Code 100: a setting is missing or bad. The message names it and what would be right; `php --ri pillion` shows all of
 * them and where each came from.
 */
final class ConfigException extends Exception
{
}
