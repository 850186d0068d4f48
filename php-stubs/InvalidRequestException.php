<?php

/*
 * Pillion\InvalidRequestException. For IDEs and static analysers; not loaded where the extension is.
 */

declare(strict_types=1);

namespace Pillion;

/**
 * Code 200: a request is invalid. The message lists all errors, and {@see violations()} returns them for programs.
 * Nothing was sent, unless the server itself has refused the request.
 *
 * ```php
 * try {
 *     $future = Velox\build($request);
 * } catch (Pillion\InvalidRequestException $e) {
 *     return new JsonResponse(['errors' => $e->violations()], 400);
 * }
 * ```
 */
final class InvalidRequestException extends Exception
{
    /**
     * All errors: the path of the field in the request (`plugins[3].tag`), and the message.
     *
     * @return list<array{field: string, message: string}>
     */
    public function violations(): array
    {
        throw new \Error('the extension pillion is not loaded');
    }
}
