//! Figures in one word. Pure functions: the words of the status document.

use protocol::Health;

/// With a target lead below this, a short one is as it should be.
const DEEP_TARGET_MS: f64 = 400.0;

/// How long a lead lasts that falls by `drain_rate` frames per frame; `None` where that is no reason to worry.
pub(crate) fn lasts_ms(lead_ms: f64, target_ms: f64, drain_rate: f64) -> Option<f64> {
    (drain_rate > 0.05 && target_ms >= DEEP_TARGET_MS).then(|| lead_ms / drain_rate)
}

/// A lead as a part of its target; `refilling` while the future is younger than its refill. Warning also when the lead
/// lasts less than 250 ms at the rate at which it drains.
pub(crate) fn of_lead(lead_percent: f64, refilling: bool, lasts_ms: Option<f64>) -> Health {
    if lead_percent < 50.0 && refilling {
        return Health::Refilling;
    }
    let by_depth = match lead_percent {
        percent if percent >= 50.0 => Health::Fine,
        percent if percent >= 30.0 => Health::Fair,
        percent if percent >= 20.0 => Health::Watch,
        percent if percent >= 10.0 => Health::Warning,
        _ => Health::Critical,
    };
    if lasts_ms.is_some_and(|ms| ms < 250.0) { by_depth.max(Health::Warning) } else { by_depth }
}

/// A producer's speed as a multiple of real time.
pub(crate) fn of_speed(speed: f64) -> Health {
    match speed {
        speed if speed > 2.0 => Health::Good,
        speed if speed >= 1.25 => Health::Fair,
        speed if speed >= 1.0 => Health::Warning,
        _ => Health::Critical,
    }
}

/// A change latency.
pub(crate) fn of_change_latency(ms: f64) -> Health {
    match ms {
        ms if ms < 10.0 => Health::Good,
        ms if ms < 50.0 => Health::Fair,
        ms if ms < 200.0 => Health::Warning,
        _ => Health::Critical,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every border is where the monitor's table has it.
    #[test]
    fn borders() {
        use Health::{Critical, Fair, Fine, Good, Refilling, Warning, Watch};
        let lead = |percent| of_lead(percent, false, None);
        assert_eq!([lead(50.0), lead(49.9), lead(30.0), lead(29.9)], [Fine, Fair, Fair, Watch]);
        assert_eq!([lead(20.0), lead(19.9), lead(10.0), lead(9.9)], [Watch, Warning, Warning, Critical]);
        assert_eq!([of_lead(9.0, true, None), of_lead(60.0, true, None)], [Refilling, Fine]);
        assert_eq!(of_lead(80.0, false, Some(249.0)), Warning);
        assert_eq!(of_lead(80.0, false, Some(250.0)), Fine);
        assert_eq!(of_lead(5.0, false, Some(1.0)), Critical);
        assert_eq!([of_speed(2.1), of_speed(2.0), of_speed(1.25)], [Good, Fair, Fair]);
        assert_eq!([of_speed(1.2), of_speed(1.0), of_speed(0.99)], [Warning, Warning, Critical]);
        let change = |ms| of_change_latency(ms);
        assert_eq!([change(9.9), change(10.0), change(50.0), change(200.0)], [Good, Fair, Warning, Critical]);
    }
}
