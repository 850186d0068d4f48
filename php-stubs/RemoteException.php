<?php

/*
 * Pillion\RemoteException. For IDEs and static analysers; not loaded where the extension is.
 */

declare(strict_types=1);

namespace Pillion;

/**
 * Code 700: after all attempts, a server could not be reached, closed the connection, or violated its protocol.
 */
final class RemoteException extends Exception
{
}
