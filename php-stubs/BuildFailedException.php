<?php

/*
 * Pillion\BuildFailedException. For IDEs and static analysers; not loaded where the extension is.
 */

declare(strict_types=1);

namespace Pillion;

/**
 * Code 300: the build server has answered that this configuration does not build. The message ends with the compiler's
 * last lines. Another attempt fails in the same way, until the configuration changes.
 */
final class BuildFailedException extends Exception
{
    /**
     * The compiler's output, as far as the server has sent it; may be empty.
     */
    public function logs(): string
    {
        throw new \Error('the extension pillion is not loaded');
    }

    /**
     * The HTTP status of the server's answer; 0 if there was none.
     */
    public function httpStatus(): int
    {
        throw new \Error('the extension pillion is not loaded');
    }
}
