//! Routes that know their own list: axum keeps none that can be read, and the document and its tests need one.

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{self, MethodRouter};

use crate::app::{Api, Settings};
use crate::auth::Needs;
use crate::finished::Keep;

/// Who may call a group of routes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Access {
    /// Anybody, without a key.
    Open,
    /// Whoever has a key that is good for this.
    Key(Needs),
}

/// Routes that are alike in who may call them.
#[derive(Debug)]
pub(crate) struct Group {
    /// Who may call them.
    pub(crate) access: Access,
    /// Whether other sites' scripts may read the answers.
    pub(crate) is_shared: bool,
    /// Whether a server with these settings has them.
    pub(crate) is_on: fn(&Settings) -> bool,
    /// Whether answers are finished once, and for how long they are good.
    pub(crate) keep: Option<Keep>,
    /// Whether it is served however many others ask: what decides whether the server is left to live.
    pub(crate) is_vital: bool,
    /// The routes.
    pub(crate) routes: Routes,
}

/// Routes, and the list of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Routes {
    router: Router<Api>,
    places: Vec<Place>,
}

/// A method at a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The path as the router has it, e.g. `/v1/pools/{id}`.
    pub(crate) path: &'static str,
    /// The method, e.g. `GET`.
    pub(crate) method: String,
}

/// What one path does by each method.
#[derive(Debug, Clone)]
pub(crate) struct Methods {
    router: MethodRouter<Api>,
    names: Vec<Method>,
}

impl Group {
    /// A group that every server has; no other site's script may read its answers.
    pub(crate) fn new(access: Access, routes: Routes) -> Self {
        Self { access, is_shared: false, is_on: |_| true, keep: None, is_vital: false, routes }
    }

    /// The same where other sites' scripts may read the answers.
    pub(crate) fn shared(access: Access, routes: Routes) -> Self {
        Self { is_shared: true, ..Self::new(access, routes) }
    }

    /// The same with answers as finished bytes.
    pub(crate) fn kept(self, keep: Keep) -> Self {
        Self { keep: Some(keep), ..self }
    }

    /// The same, served however many others ask.
    pub(crate) fn vital(self) -> Self {
        Self { is_vital: true, ..self }
    }

    /// The same where only servers with certain settings have it.
    pub(crate) fn when(self, is_on: fn(&Settings) -> bool) -> Self {
        Self { is_on, ..self }
    }
}

impl Routes {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn route(mut self, path: &'static str, methods: Methods) -> Self {
        self.places.extend(methods.names.iter().map(|name| Place { path, method: name.to_string() }));
        Self { router: self.router.route(path, methods.router), places: self.places }
    }

    /// What was put in, in that order.
    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    pub(crate) fn into_router(self) -> Router<Api> {
        self.router
    }
}

macro_rules! methods {
    ($($name:ident = $method:ident;)*) => {
        $(
            /// A path that takes this method.
            #[allow(dead_code, reason = "a path may begin with any method")]
            pub(crate) fn $name<H: Handler<T, Api>, T: 'static>(handler: H) -> Methods {
                Methods { router: routing::$name(handler), names: vec![Method::$method] }
            }
        )*
        impl Methods {
            $(
                /// The same path takes this method too.
                #[allow(dead_code, reason = "a path may take any method")]
                pub(crate) fn $name<H: Handler<T, Api>, T: 'static>(mut self, handler: H) -> Self {
                    self.names.push(Method::$method);
                    Self { router: self.router.$name(handler), names: self.names }
                }
            )*
        }
    };
}
methods! { get = GET; post = POST; patch = PATCH; delete = DELETE; }
