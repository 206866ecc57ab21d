//! What the signet expects of a network: one suite over the network in memory, and over XMTP with a real node in the same
//! process; and what only XMTP has to show.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops"
)]

mod conformance;
mod places;
mod world;
mod xmtp;

/// Every test of the suite over one place.
macro_rules! conforms {
    ($place:ident: $($test:ident,)+) => {
        mod $place {
            $(
                #[tokio::test]
                async fn $test() {
                    let place = super::places::$place().await;
                    super::conformance::$test(&place).await;
                    place.end().await;
                }
            )+
        }
    };
}

/// The suite, once for each place.
macro_rules! suite {
    ($($place:ident)+) => { $(
        conforms! { $place:
            opening_again_gives_the_same_inbox,
            one_at_a_time_has_an_inbox_open,
            an_inbox_is_found_by_name_and_address,
            an_inbox_is_forgotten,
            a_conversation_comes_before_what_is_said_there,
            the_log_goes_on_from_every_place,
            nothing_is_skipped_or_repeated_across_reopening,
            a_stream_ends_with_its_inbox,
            a_place_beyond_the_end_is_an_error,
            the_same_key_is_the_same_message,
            contents_come_as_they_were_sent,
            messages_are_asked_for_by_time_and_number,
            a_message_is_found_by_its_name,
            a_group_is_what_was_asked_for,
            a_group_changes,
            members_come_and_go,
            roles_are_given_and_taken,
            a_direct_conversation_is_one,
            whoever_leaves_is_out,
            consent_is_remembered,
            an_invite_leads_back_to_who_made_it,
            an_invite_says_to_others_who_made_it,
            what_is_not_there_is_not_found,
            two_inboxes_of_one_process_have_logs_of_their_own,
        }
    )+ };
}

suite! { memory xmtp_node }
