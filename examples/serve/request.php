<?php

declare(strict_types=1);

/**
 * The build request of this application: a RoadRunner that can itself run it. `send` is for X-Sendfile, and `service`
 * starts `pillion serve`.
 */

$request = require dirname(__DIR__) . '/request.php';
array_push(
    $request['plugins'],
    ['module_name' => 'github.com/roadrunner-server/send/v5', 'tag' => 'v5.2.0'],
    ['module_name' => 'github.com/roadrunner-server/service/v5', 'tag' => 'v5.1.9'],
);

return $request;
