<?php

/*
 * Pillion\InvalidRequestException. For IDEs and static analysers; never loaded where the extension is.
 */

declare(strict_types=1);

namespace Pillion;

/**
 * Code 200: a request breaks the rules. The message tells all that is wrong with it, and so does {@see violations()} for
 * programs. Nothing was sent anywhere, except where the server itself refused it.
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
     * Everything that is wrong: the field as it stands in the request (`plugins[3].tag`), and what is wrong with it.
     *
     * @return list<array{field: string, message: string}>
     */
    public function violations(): array
    {
        throw new \Error('the extension pillion is not loaded');
    }
}
