//! RoadRunner's `PSR7Worker`, for applications with a package of PSR-7 messages. On PHP's thread.

use crate::zend::{arguments::Thrown, call, owned::OwnedZval};

const WORKER: &str = "Spiral\\RoadRunner\\Http\\PSR7Worker";

/// Packages with PSR-7 messages: their factories of requests, streams and uploads.
const FACTORIES: [[&str; 3]; 5] = [
    ["Nyholm\\Psr7\\Factory\\Psr17Factory"; 3],
    ["GuzzleHttp\\Psr7\\HttpFactory"; 3],
    [
        "HttpSoft\\Message\\ServerRequestFactory",
        "HttpSoft\\Message\\StreamFactory",
        "HttpSoft\\Message\\UploadedFileFactory",
    ],
    [
        "Laminas\\Diactoros\\ServerRequestFactory",
        "Laminas\\Diactoros\\StreamFactory",
        "Laminas\\Diactoros\\UploadedFileFactory",
    ],
    [
        "Slim\\Psr7\\Factory\\ServerRequestFactory",
        "Slim\\Psr7\\Factory\\StreamFactory",
        "Slim\\Psr7\\Factory\\UploadedFileFactory",
    ],
];

/// RoadRunner's `PSR7Worker`, with the factories of the first package of [`FACTORIES`] that is installed.
/// Returns `None` if RoadRunner's packages are not installed.
///
/// # Errors
/// No package of [`FACTORIES`] is installed, or PHP code has thrown.
pub fn worker() -> Result<Option<OwnedZval>, Thrown> {
    let Some(class) = call::class(WORKER)? else {
        return Ok(None);
    };
    for names in FACTORIES {
        let [request, stream, upload] = names.map(call::class);
        let (Some(request), Some(stream), Some(upload)) = (request?, stream?, upload?) else {
            continue;
        };
        let arguments = [
            call::function("Spiral\\RoadRunner\\Worker::create", &[])?,
            call::new(request, &[])?,
            call::new(stream, &[])?,
            call::new(upload, &[])?,
        ];
        let worker = call::new(class, &arguments);
        arguments.into_iter().for_each(OwnedZval::release);
        return worker.map(Some);
    }
    Err(Thrown::state(
        "RoadRunner's PSR7Worker needs a package that makes PSR-7 messages, and none is installed that loop() knows: composer require nyholm/psr7",
    ))
}
