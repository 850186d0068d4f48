<?php

// An application that hands out binaries, in the place of fpm/index.php: the path names how, and `name` the
// configuration. PHP's own server prepends no file to a router script.

declare(strict_types=1);

use Pillion\Velox;

require_once file_exists(__DIR__ . '/program.php') ? __DIR__ . '/program.php' : __DIR__ . '/../program.php';

$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
$request = configuration($_GET['name'] ?? 'a', array_filter([
    'request_id' => $_GET['id'] ?? null,
    'force_rebuild' => isset($_GET['force']),
]));
switch ($path) {
    case '/hello':
        echo 'hello';
        break;
    case '/build':
        echo json_encode(outcome(fn () => Velox\build($request)->wait(30)));
        break;
    case '/status':
        echo json_encode(Pillion\status());
        break;
    case '/metrics':
        echo Pillion\Metrics\render();
        break;
    case '/respond':
        ob_start();
        echo 'output of the application';
        Velox\respond($request);
        echo 'more output';
        break;
    case '/intercepted':
        header('X-Velox-Build: true');
        header('Content-Type: application/json');
        echo json_encode($request);
        break;
    case '/buffered':
        // As a framework does that collects its output, and ends it itself.
        ob_start();
        header('x-velox-build: true');
        echo json_encode($request);
        ob_end_flush();
        break;
    case '/taken':
        // As a framework does that takes the output of its controllers, and prints it.
        ob_start();
        ob_start();
        header('X-Velox-Build: true');
        echo json_encode($request);
        echo ob_get_clean();
        $page = ob_get_clean();
        echo $page;
        break;
    case '/encoded':
        // As a buffer that compresses.
        ob_start(static function (string $text): string {
            headers_sent() || header('Content-Encoding: gzip');

            return $text;
        });
        header('X-Velox-Build: true');
        header('Content-Encoding: gzip');
        echo json_encode($request);
        break;
    case '/plugin':
        // An unchanged application of the Velox plugin.
        require_once __DIR__ . '/controller.php';
        $response = Plugin\Application\controller()->handle(Plugin\Application\request(
            $_SERVER['REQUEST_METHOD'],
            $_SERVER['REQUEST_URI'],
            [],
            (string) file_get_contents('php://input'),
        ));
        ($_GET['as'] ?? '') === 'symfony' ? Plugin\Application\send($response) : Plugin\Application\emit($response);
        break;
    case '/broken':
        header('X-Velox-Build: true');
        echo '{"rr_version":';
        break;
    case '/untouched':
        // The header is removed again, has another value, or the response is an error.
        header('X-Velox-Build: true');
        match ($_GET['how']) {
            'removed' => header_remove('X-Velox-Build'),
            'value' => header('X-Velox-Build: True'),
            'status' => http_response_code(500),
        };
        echo 'un', 'touched';
        break;
    case '/streamed':
        while (ob_get_level() > 0) {
            ob_end_clean();
        }
        echo 'first';
        flush();
        for ($waited = 0; !file_exists($_GET['until']) && $waited < 1000; $waited++) {
            usleep(10000);
        }
        echo file_exists($_GET['until']) ? 'second' : 'too late';
        break;
    case '/invalid':
        Velox\respond(['rr_version' => 'latest']);
        break;
    case '/late':
        echo 'early';
        flush();
        try {
            Velox\respond($request);
        } catch (Pillion\StateException $refused) {
            echo ' ', $refused->getCode();
        }
        break;
    default:
        http_response_code(404);
}
