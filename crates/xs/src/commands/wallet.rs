//! `xs wallet`: wallets that operators' identities are derived from.

use chancery_signet_wire::{
    Label, Reference, Text,
    action::{
        Call,
        input::{ByWallet, Nothing, WalletCreate, WalletProviderSet},
    },
};
use clap::Subcommand;

use crate::{step::Step, view::View};

const COLUMNS: View = View::Table(&[
    ("id", "id"),
    ("label", "label"),
    ("provider", "provider"),
    ("accounts", "accountCount"),
    ("created", "createdAt"),
]);

/// Keep wallets.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// Make a wallet
    #[command(after_help = "Examples:\n  xs wallet create --label ops-wallet")]
    Create {
        /// Its name
        #[arg(long)]
        label: Label,
    },
    /// List the wallets
    #[command(after_help = "Examples:\n  xs wallet list")]
    List,
    /// Show a wallet and its accounts
    #[command(after_help = "Examples:\n  xs wallet info 0f8c…")]
    Info {
        /// The wallet
        #[arg(value_name = "WALLET")]
        wallet: Reference,
    },
    /// Keep the programs that hold wallets
    #[command(subcommand)]
    Provider(Provider),
}

/// Keep providers.
#[derive(Debug, Subcommand)]
pub enum Provider {
    /// List the providers
    #[command(after_help = "Examples:\n  xs wallet provider list")]
    List,
    /// Name the program of a provider
    #[command(after_help = "Examples:\n  xs wallet provider set ows --path /usr/local/bin/ows")]
    Set {
        /// Its name
        name: Label,
        /// The program
        #[arg(long)]
        path: Text,
    },
}

impl Group {
    pub(crate) fn step(self) -> Step {
        let (call, view) = match self {
            Self::Create { label } => (Call::WalletCreate(WalletCreate { label }), View::Auto),
            Self::List => (Call::WalletList(Nothing {}), COLUMNS),
            Self::Info { wallet } => (Call::WalletInfo(ByWallet { wallet_id: wallet }), View::Auto),
            Self::Provider(Provider::List) => (Call::WalletProviderList(Nothing {}), View::Auto),
            Self::Provider(Provider::Set { name, path }) => {
                (Call::WalletProviderSet(WalletProviderSet { name, path }), View::Auto)
            }
        };
        Step::ask(call, view)
    }
}
