//! Draws a plan from a seed.

use std::time::Duration;

use chancery_identity::revocation::Scope;

use super::{
    lie::Lie,
    plan::{AgentPlan, Event, HookPlan, Moment, Plan, RelayPlan, Victim, Weather},
    rng::{Dice, Stream},
};

const MOMENTS: [Moment; 15] = [
    Moment::RelayWrote("deliver"),
    Moment::RelayWrote("enqueue_ack"),
    Moment::RelayWrote("receipt"),
    Moment::RelayWrote("receipt_ack"),
    Moment::RelayRead("enqueue"),
    Moment::RelayRead("deliver_ack"),
    Moment::RelayRead("receipt"),
    Moment::RelayRead("receipt_ack"),
    Moment::ConnectorRead("deliver"),
    Moment::ConnectorRead("enqueue_ack"),
    Moment::ConnectorRead("receipt"),
    Moment::ConnectorRead("receipt_ack"),
    Moment::Posted,
    Moment::Answered,
    Moment::Admitted,
];

impl Plan {
    pub(super) fn new(seed: u64, lie: Option<Lie>) -> Self {
        let dice = Dice::new(seed, Stream::Plan);
        match lie {
            None => Self::rough(&dice),
            Some(lie) => Self::calm(&dice, lie),
        }
    }

    fn rough(dice: &Dice) -> Self {
        let count = 3 + dice.index(3);
        let agents = (0..count).map(|_| AgentPlan::drawn(dice)).collect();
        let weather = match dice.below(4) {
            0 => Weather::CALM,
            1 => Weather {
                delay: (1, 400),
                no_answer: 100,
                ..Weather::CALM
            },
            2 => Weather {
                delay: (5, 150),
                lost: 15,
                twice: 0,
                shuffled: false,
                no_answer: 50,
            },
            _ => Weather {
                delay: (1, 1500),
                lost: 10,
                twice: 60,
                shuffled: true,
                no_answer: 50,
            },
        };
        let relay = RelayPlan {
            max_messages: *dice.pick(&[6, 20, 500]),
            ttl_ms: if dice.chance(150) { 40_000 } else { 3_600_000 },
            ack_timeout_ms: *dice.pick(&[3_000, 15_000]),
            max_attempts: if dice.chance(200) { 4 } else { 25 },
            rate: if dice.chance(120) { 60 } else { 100_000 },
            stale_after_ms: *dice.pick(&[5_000, 15_000, 60_000]),
            max_in_flight: 1 + dice.index(5),
            window: *dice.pick(&[2, 16, 256]),
        };
        let length = dice.millis(30_000, 60_000);
        let mut plan = Self {
            agents,
            weather,
            relay,
            blocked: dice.chance(200).then_some((0, 1)),
            length,
            script: Vec::new(),
        };
        plan.traffic(dice, 150 + dice.below(150));
        plan.trouble(dice);
        plan.sort();
        plan
    }

    /// Nothing goes wrong but what must for the lie to show.
    fn calm(dice: &Dice, lie: Lie) -> Self {
        let agent = AgentPlan {
            hook: HookPlan::calm(false),
            skew: 0,
            inbox: 1000,
        };
        let slow = AgentPlan {
            hook: HookPlan {
                work: (300, 900),
                ..HookPlan::calm(false)
            },
            ..agent.clone()
        };
        let mut plan = Self {
            agents: vec![agent.clone(), slow, agent],
            weather: Weather::CALM,
            relay: RelayPlan {
                max_messages: 500,
                ttl_ms: 3_600_000,
                ack_timeout_ms: 15_000,
                max_attempts: 25,
                rate: 100_000,
                stale_after_ms: 5_000,
                max_in_flight: 5,
                window: 256,
            },
            blocked: None,
            length: Duration::from_secs(30),
            script: Vec::new(),
        };
        plan.traffic(dice, 150);
        let second = Duration::from_secs;
        let crash = |agent, down| Event::CrashConnector {
            agent,
            down: second(down),
            silently: false,
        };
        match lie {
            Lie::RelayForgets => {
                // what is only in its mailbox
                plan.at(second(10), crash(1, 10));
                let down = second(1);
                plan.at(second(15), Event::CrashRelay { down, silently: false });
            }
            Lie::ConnectorForgets => {
                // what is only in its inbox
                plan.agents[1].hook.work = (4_000, 8_000);
                plan.at(second(15), crash(1, 1));
            }
            Lie::RevocationIgnored => plan.at(
                second(15),
                Event::Revoke {
                    agent: 0,
                    scope: Scope::Agent,
                },
            ),
            Lie::StaleAccepted => plan.at(
                second(10),
                Event::FeedSilent {
                    time: second(15),
                    ends: false,
                },
            ),
            Lie::ProofTakenTwice => {
                for agent in 0..plan.agents.len() {
                    plan.at(second(10), crash(agent, 10));
                }
                for at in 10..20 {
                    plan.at(second(at), Event::Replay);
                }
            }
            _ => {}
        }
        plan.sort();
        plan
    }

    fn at(&mut self, time: Duration, event: Event) {
        self.script.push((time, event));
    }

    fn sort(&mut self) {
        // stable: what was drawn first comes first
        self.script.sort_by_key(|(at, _)| *at);
    }

    fn moment(&self, dice: &Dice) -> Duration {
        let length = u64::try_from(self.length.as_millis()).unwrap_or(u64::MAX);
        dice.millis(100, length)
    }

    fn agent(&self, dice: &Dice) -> usize {
        dice.index(self.agents.len())
    }

    fn traffic(&mut self, dice: &Dice, messages: u64) {
        for _ in 0..messages {
            let (at, from, to) = (self.moment(dice), self.agent(dice), self.agent(dice));
            let lane = u8::try_from(dice.below(3)).unwrap_or(0);
            let event = match dice.below(100) {
                0..80 => Event::Send { from, to, lane },
                80..84 => Event::SendAndLeave { from, to, lane },
                84..90 => Event::Again { from },
                90..92 => Event::Conflict { from },
                _ if from != to => Event::Post { from, to },
                _ => Event::Send { from, to, lane },
            };
            self.at(at, event);
        }
        // bursts fill lanes, windows and mailboxes
        for _ in 0..dice.below(4) {
            let (at, from, to) = (self.moment(dice), self.agent(dice), self.agent(dice));
            let lane = u8::try_from(dice.below(3)).unwrap_or(0);
            for _ in 0..dice.below(25) {
                self.at(at, Event::Send { from, to, lane });
            }
        }
        for _ in 0..10 {
            let at = self.moment(dice);
            self.at(at, Event::Audit);
        }
    }

    fn trouble(&mut self, dice: &Dice) {
        let often = |dice: &Dice, share: u64, most: u64| if dice.chance(share) { 1 + dice.below(most) } else { 0 };
        for _ in 0..often(dice, 600, 5) {
            let (at, agent) = (self.moment(dice), self.agent(dice));
            let (down, silently) = (dice.millis(1_500, 15_000), dice.chance(300));
            self.at(at, Event::CrashConnector { agent, down, silently });
        }
        for _ in 0..often(dice, 500, 3) {
            let at = self.moment(dice);
            let (down, silently) = (dice.millis(1_000, 8_000), dice.chance(300));
            self.at(at, Event::CrashRelay { down, silently });
        }
        for _ in 0..often(dice, 700, 8) {
            let (at, moment) = (self.moment(dice), *dice.pick(&MOMENTS));
            let victim = if dice.chance(500) {
                Victim::Relay
            } else {
                Victim::Connector
            };
            let skip = u32::try_from(dice.below(10)).unwrap_or(0);
            self.at(at, Event::Ambush { moment, victim, skip });
        }
        for _ in 0..often(dice, 500, 8) {
            let (at, agent) = (self.moment(dice), self.agent(dice));
            self.at(at, Event::Cut { agent });
        }
        for _ in 0..often(dice, 400, 3) {
            let (at, agent) = (self.moment(dice), self.agent(dice));
            let (time, kills) = (dice.millis(1_000, 30_000), dice.chance(500));
            self.at(at, Event::Hole { agent, time, kills });
        }
        for _ in 0..often(dice, 400, 2) {
            let (at, time, ends) = (self.moment(dice), dice.millis(500, 20_000), dice.chance(500));
            self.at(at, Event::FeedSilent { time, ends });
        }
        for _ in 0..often(dice, 300, 2) {
            let (at, time) = (self.moment(dice), dice.millis(1_000, 20_000));
            self.at(at, Event::RegistryDown { time });
        }
        for _ in 0..often(dice, 500, 2) {
            let (at, agent) = (self.moment(dice), self.agent(dice));
            let scope = *dice.pick(&[Scope::Agent, Scope::Token, Scope::Session]);
            self.at(at, Event::Revoke { agent, scope });
        }
        for _ in 0..often(dice, 500, 6) {
            let at = self.moment(dice);
            self.at(at, Event::Replay);
        }
        for _ in 0..often(dice, 300, 3) {
            let (at, owner, peer) = (self.moment(dice), self.agent(dice), self.agent(dice));
            let time = dice.millis(500, 20_000);
            self.at(at, Event::Mute { owner, peer, time });
        }
        for _ in 0..often(dice, 300, 3) {
            let (at, agent) = (self.moment(dice), self.agent(dice));
            self.at(at, Event::Release { agent });
        }
    }
}

impl AgentPlan {
    fn drawn(dice: &Dice) -> Self {
        let mut hook = HookPlan::calm(dice.chance(500));
        match dice.below(4) {
            0 => {}
            1 => hook.work = (200, 3_000),
            2 => {
                hook.fails = 150;
                hook.answers_lost = 30;
            }
            _ => {
                hook.work = (1, 800);
                hook.fails = 50;
                hook.rejects = 40;
                hook.answers_lost = 30;
                hook.hangs = 10;
            }
        }
        Self {
            hook,
            skew: i64::try_from(dice.below(4_000)).unwrap_or(0) - 2_000,
            inbox: *dice.pick(&[4, 1000, 1000]),
        }
    }
}
