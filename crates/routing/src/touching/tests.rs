//! Touches of several replicas over one table.

use async_trait::async_trait;
use backend::ports::Touched;
use conversation::ConversationId;

use super::*;

/// Touches of all replicas; what is `late` is not visible yet.
#[derive(Debug, Default)]
struct Table(Mutex<Rows>);

#[derive(Debug, Default)]
struct Rows {
    rows: std::collections::BTreeMap<u64, Touch>,
    number: u64,
    is_away: bool,
    asked_after: Vec<u64>,
}

impl Table {
    /// A number that is taken, and noted by whoever took it later.
    fn take_number(&self) -> u64 {
        let mut table = lock(&self.0);
        table.number += 1;
        table.number
    }

    fn commit(&self, number: u64, id: u128) {
        lock(&self.0).rows.insert(number, touch(id));
    }
}

#[async_trait]
impl Touches for Table {
    fn is_shared(&self) -> bool {
        true
    }

    async fn touch(&self, touch: &Touch) -> Result<u64> {
        if lock(&self.0).is_away {
            return Err(backend::Error::new(backend::Kind::Unavailable, "away"));
        }
        let number = self.take_number();
        lock(&self.0).rows.insert(number, touch.clone());
        Ok(number)
    }

    async fn since(&self, after: u64, limit: usize) -> Result<Vec<(u64, Touch)>> {
        let mut table = lock(&self.0);
        table.asked_after.push(after);
        let found = table.rows.range(after + 1..).take(limit);
        Ok(found
            .map(|(number, touch)| (*number, touch.clone()))
            .collect())
    }

    async fn newest(&self) -> Result<u64> {
        Ok(lock(&self.0)
            .rows
            .keys()
            .last()
            .copied()
            .unwrap_or_default())
    }
}

fn touch(id: u128) -> Touch {
    Touch {
        conversation: ConversationId::from_bits(id),
        backend: "old".into(),
        what: Touched::Said,
    }
}

fn replica(table: &Arc<Table>) -> Arc<Shared> {
    let sender = broadcast::Sender::new(4_096);
    Arc::new(Shared::new(table.clone(), sender))
}

fn told(receiver: &mut broadcast::Receiver<Touch>) -> Vec<u128> {
    std::iter::from_fn(|| receiver.try_recv().ok())
        .map(|touch| touch.conversation.bits())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_write_at_one_replica_is_told_at_another_within_a_second() {
    let table = Arc::new(Table::default());
    let (one, other) = (replica(&table), replica(&table));
    let mut follower = other.follow();
    for id in 1..=3 {
        assert!(one.note(touch(id)).await);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(told(&mut follower), [id]);
    }
}

#[tokio::test(start_paused = true)]
async fn who_catches_up_has_been_told_everything_that_was_noted_before() {
    let table = Arc::new(Table::default());
    let (one, other) = (replica(&table), replica(&table));
    let mut follower = other.follow();
    other.look().await.unwrap();
    for id in 1..=2_500 {
        one.note(touch(id)).await;
    }
    other.look().await.unwrap();
    assert_eq!(told(&mut follower), (1..=2_500).collect::<Vec<_>>());
    other.look().await.unwrap();
    assert_eq!(told(&mut follower), [], "nothing is told twice");
}

#[tokio::test(start_paused = true)]
async fn a_replica_is_not_told_again_what_it_wrote_itself() {
    let table = Arc::new(Table::default());
    let one = replica(&table);
    let mut follower = one.follow();
    one.note(touch(1)).await;
    one.look().await.unwrap();
    assert_eq!(told(&mut follower), []);
}

#[tokio::test(start_paused = true)]
async fn a_number_that_becomes_visible_late_is_told_and_one_that_never_does_is_waited_for_ten_seconds()
 {
    let table = Arc::new(Table::default());
    let shared = replica(&table);
    let mut follower = shared.follow();
    let (late, never) = (table.take_number(), table.take_number());
    table.commit(3, 3);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(told(&mut follower), [3]);
    table.commit(late, 1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(told(&mut follower), [1]);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(told(&mut follower), []);
    let asked = lock(&table.0).asked_after.last().copied();
    assert_eq!(asked, Some(3), "{never} is given up");
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_noted_is_noted_later() {
    let table = Arc::new(Table::default());
    let (one, other) = (replica(&table), replica(&table));
    let mut follower = other.follow();
    lock(&table.0).is_away = true;
    assert!(!one.note(touch(1)).await);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(told(&mut follower), []);
    lock(&table.0).is_away = false;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(told(&mut follower), [1]);
}

#[tokio::test(start_paused = true)]
async fn nobody_looks_where_nobody_follows() {
    let table = Arc::new(Table::default());
    let shared = replica(&table);
    drop(shared.follow());
    tokio::time::sleep(Duration::from_secs(5)).await;
    let asked = lock(&table.0).asked_after.len();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(lock(&table.0).asked_after.len(), asked);
    let mut follower = shared.follow();
    replica(&table).note(touch(7)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(told(&mut follower), [7]);
}
