//! The data host: Azure's blob storage behind signed URLs.

use hyper::body::Incoming;
use hyper::header::{
    ACCEPT_RANGES, AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG, RANGE,
    SERVER,
};
use hyper::http::response::Builder;
use hyper::{Request, Response, StatusCode};

use crate::body::Body;
use crate::form::{pairs, value};
use crate::images::{Blob, images};
use crate::registry::{World, date, finish};
use crate::secrets::signature;
use crate::settings::DataFault;

/// A layer that stalls late is longer than this.
const LATE: usize = 1 << 20;

/// The most bytes that a layer sends before it breaks off.
const MOST: usize = 4096;

/// A layer that breaks off often sends its rest completely once so few bytes are left.
const FEW: usize = 100;

/// Returns the first byte of the requested range: `bytes=N-`.
fn first_byte(request: &Request<Incoming>) -> usize {
    let range = request.headers().get(RANGE).and_then(|range| range.to_str().ok());
    let range =
        range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    range.unwrap_or(0)
}

impl World {
    /// Responds to a request to the data host.
    pub(crate) fn ask_data(&self, request: &Request<Incoming>) -> Response<Body> {
        if request.headers().contains_key(AUTHORIZATION) {
            return self.storage_error(
                StatusCode::BAD_REQUEST,
                "InvalidAuthenticationInfo",
                "Authentication information is not given in the correct format. \
                 Check the value of Authorization header.",
            );
        }
        let query = pairs(request.uri().query().unwrap_or(""));
        let field = |key| value(&query, key).unwrap_or_default();
        // A path on a storage account ends in `DIGEST/data`.
        let path = request.uri().path().strip_suffix("/data").unwrap_or_default();
        let (name, digest, signed) = match path.rsplit_once('/') {
            Some((_, digest)) => ("", digest, field("sig")),
            None => (field("r"), field("d"), field("s")),
        };
        let rejected = signed != signature(name, digest);
        if rejected || self.data.fault == DataFault::SasRejected {
            let detail = "Signature did not match. String to sign used was r";
            return self.authentication_failed(detail);
        }
        if self.data.fault == DataFault::SasExpired {
            let detail = format!(
                "Signature not valid in the specified time frame: Expiry [{}] - Current [{}]",
                date(-3_600),
                date(0)
            );
            return self.authentication_failed(&detail);
        }
        match self.data.fault {
            DataFault::Denied => {
                return self.storage_error(
                    StatusCode::FORBIDDEN,
                    "AuthorizationFailure",
                    "This request is not authorized to perform this operation.",
                );
            }
            DataFault::BusyOnce if !self.once() => {}
            DataFault::Outage | DataFault::BusyOnce => {
                return self.storage_error(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "ServerBusy",
                    "The server is busy.",
                );
            }
            DataFault::None
            | DataFault::Cut
            | DataFault::CutOften
            | DataFault::CutUnmarked
            | DataFault::Stall
            | DataFault::StallLate
            | DataFault::SasRejected
            | DataFault::SasExpired
            | DataFault::Slow
            | DataFault::WrongBytes
            | DataFault::Missing => {}
        }
        match images().blobs.get(digest).filter(|_| self.data.fault != DataFault::Missing) {
            Some(blob) => {
                let builder = self
                    .storage(StatusCode::OK)
                    .header(CONTENT_TYPE, "application/octet-stream")
                    .header(ACCEPT_RANGES, "bytes")
                    .header(ETAG, "\"0x8DD3A1F0C2B4E60\"")
                    .header("last-modified", "Wed, 01 Jan 2025 00:00:00 GMT")
                    .header("x-ms-blob-type", "AppendBlob")
                    .header("x-ms-lease-state", "available")
                    .header("x-ms-lease-status", "unlocked")
                    .header("x-ms-server-encrypted", "true");
                self.hand_out(builder, blob, first_byte(request))
            }
            None => self.storage_error(
                StatusCode::NOT_FOUND,
                "BlobNotFound",
                "The specified blob does not exist.",
            ),
        }
    }

    /// Responds with a blob from a given byte on, and applies the data host's fault. A config is
    /// always complete and fast: only layers break off.
    pub(crate) fn hand_out(&self, builder: Builder, blob: &Blob, from: usize) -> Response<Body> {
        let length = blob.bytes.len();
        let from = from.min(length);
        let bytes = blob.bytes.slice(from..);
        let end = (length / 2).clamp(1, MOST).min(length);
        let part = blob.bytes.slice(from.min(end)..end);
        let body = match self.data.fault {
            DataFault::Cut if blob.is_layer() => Body::breaking(part),
            DataFault::CutOften | DataFault::CutUnmarked
                if blob.is_layer() && bytes.len() > FEW =>
            {
                Body::breaking(bytes.slice(..bytes.len() / 2))
            }
            DataFault::Stall if blob.is_layer() => Body::stopping(part),
            DataFault::StallLate if blob.is_layer() && length > LATE => Body::stopping(part),
            DataFault::Slow if blob.is_layer() => Body::trickling(bytes.clone()),
            DataFault::WrongBytes if blob.is_layer() => {
                Body::whole(bytes.iter().map(|byte| !byte).collect::<Vec<_>>())
            }
            _ => Body::whole(bytes.clone()),
        };
        let builder = match from {
            0 => builder,
            _ if self.data.fault == DataFault::CutUnmarked => {
                builder.status(StatusCode::PARTIAL_CONTENT)
            }
            from => builder
                .status(StatusCode::PARTIAL_CONTENT)
                .header(CONTENT_RANGE, format!("bytes {from}-{}/{length}", length - 1)),
        };
        finish(builder.header(CONTENT_LENGTH, bytes.len()), body)
    }

    fn storage(&self, status: StatusCode) -> Builder {
        Response::builder()
            .status(status)
            .header(SERVER, "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0")
            .header(DATE, date(0))
            .header("x-ms-version", "2018-03-28")
            .header("x-ms-request-id", self.correlation())
    }

    /// Returns the error of a storage account for an invalid signature.
    fn authentication_failed(&self, detail: &str) -> Response<Body> {
        let message = "Server failed to authenticate the request. \
             Make sure the value of Authorization header is formed correctly including the signature.";
        let code = "AuthenticationFailed";
        let detail = format!("<AuthenticationErrorDetail>{detail}</AuthenticationErrorDetail>");
        self.storage_says(StatusCode::FORBIDDEN, code, message, &detail)
    }

    fn storage_error(&self, status: StatusCode, code: &str, message: &str) -> Response<Body> {
        self.storage_says(status, code, message, "")
    }

    /// Returns an error in XML, with the byte order mark that breaks clients which expect JSON.
    fn storage_says(
        &self,
        status: StatusCode,
        code: &str,
        message: &str,
        detail: &str,
    ) -> Response<Body> {
        let builder = self
            .storage(status)
            .header(CONTENT_TYPE, "application/xml")
            .header("x-ms-error-code", code);
        let id = builder
            .headers_ref()
            .and_then(|headers| headers.get("x-ms-request-id")?.to_str().ok())
            .unwrap_or_default();
        let body = format!(
            "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{message}\n\
             RequestId:{id}\nTime:{}</Message>{detail}</Error>",
            jiff::Timestamp::now(),
        );
        finish(builder, Body::whole(body))
    }
}
