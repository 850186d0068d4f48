<?php

/*
 * Pillion\RemoteException. For IDEs and static analysers; never loaded where the extension is.
 */

declare(strict_types=1);

namespace Pillion;

/**
 * Code 700: a server could not be reached, went away, or broke its protocol; also after all attempts.
 */
final class RemoteException extends Exception
{
}
