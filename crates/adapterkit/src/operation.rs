//! The table of a vendor's operations: what it calls them, which client method makes the call, which route needs it.

/// One operation of a vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Method and path as the vendor writes them.
    pub vendor: &'static str,
    /// True for an operation of the API pages that the adapter was written for; false for a neighbour that they need.
    pub is_documented: bool,
    /// The client method that makes the call.
    pub client: &'static str,
    /// The normalized routes that need it, or in words who else does.
    pub routes: &'static str,
}

/// Declares `OPERATIONS` from lines of `documented` or `neighbour`, the vendor's operation, the client's method and the
/// normalized routes. A method that does not exist does not compile.
///
/// ```
/// struct Client;
///
/// impl Client {
///     async fn list_things(&self) {}
/// }
///
/// adapterkit::operations! {
///     /// Everything that the vendor can do.
///     Client:
///     documented "GET /things" => list_things => "`GET /v1/conversations`";
/// }
///
/// assert_eq!(OPERATIONS[0].client, "list_things");
/// ```
#[macro_export]
macro_rules! operations {
    (
        $(#[$meta:meta])*
        $client:ident : $( $presence:ident $vendor:literal => $method:ident => $routes:literal; )+
    ) => {
        $(#[$meta])*
        pub const OPERATIONS: &[$crate::Operation] = &[
            $( $crate::Operation {
                vendor: $vendor,
                is_documented: $crate::__is_documented!($presence),
                client: {
                    // Names the method, so that it must exist.
                    let _ = $client::$method;
                    stringify!($method)
                },
                routes: $routes,
            }, )+
        ];
    };
}

/// Whether a line of `operations!` is of the documented API.
#[doc(hidden)]
#[macro_export]
macro_rules! __is_documented {
    (documented) => {
        true
    };
    (neighbour) => {
        false
    };
}
