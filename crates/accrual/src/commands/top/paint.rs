//! Colours, or none: shapes and words say the same without them.

use ratatui::style::{Color, Modifier, Style};

/// Whether colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    /// The terminal's own sixteen, so that its theme decides.
    Coloured,
    /// Bold, dim and reversed only.
    Plain,
}

/// What a text is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Names of things on the screen.
    Title,
    /// What can be left unread.
    Quiet,
    /// What matters most in its row.
    Figure,
    /// As it should be.
    Good,
    /// To be looked at.
    Warning,
    /// Not as it should be.
    Bad,
    /// What every reader is told.
    Notice,
    /// The row that is chosen, in the list that keys act on.
    Chosen,
    /// The same in another list.
    Held,
}

impl Paint {
    /// `NO_COLOR` (whatever it says) and dumb terminals have none.
    pub(super) fn of_environment() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        if refused || dumb { Self::Plain } else { Self::Coloured }
    }

    pub(super) fn style(self, role: Role) -> Style {
        let style = Style::new();
        let plain = match role {
            Role::Title | Role::Figure => style.add_modifier(Modifier::BOLD),
            Role::Quiet => style.add_modifier(Modifier::DIM),
            Role::Good => style,
            Role::Warning => style.add_modifier(Modifier::BOLD),
            Role::Bad | Role::Notice | Role::Chosen => style.add_modifier(Modifier::REVERSED),
            Role::Held => style.add_modifier(Modifier::UNDERLINED),
        };
        let colour = match (self, role) {
            (Self::Plain, _) => return plain,
            (Self::Coloured, role) => role,
        };
        match colour {
            Role::Good => style.fg(Color::Green),
            Role::Warning => style.fg(Color::Yellow).add_modifier(Modifier::BOLD),
            Role::Bad => style.fg(Color::Red).add_modifier(Modifier::REVERSED | Modifier::BOLD),
            Role::Notice => style.fg(Color::Yellow),
            Role::Title => style.fg(Color::Cyan).add_modifier(Modifier::BOLD),
            Role::Held => style.add_modifier(Modifier::BOLD),
            Role::Quiet | Role::Figure | Role::Chosen => plain,
        }
    }
}
