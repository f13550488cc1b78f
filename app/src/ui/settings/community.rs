//! The joined communities, and who one is in each.

use backend_lite::api::SharingDefault;
use egui::{Align, Color32, Layout, Margin, Ui};

use crate::command::Command;
use crate::state::{Community, CommunityId, Connection};
use crate::theme::{Type, Weight};
use crate::ui::dialog::Dialog;
use crate::ui::{Cx, Go};
use crate::widget::{Button, Kind, icon, text};

use super::Rows;

pub(super) fn show(ui: &mut Ui, rows: &mut Rows<'_, '_, '_>) {
    let before = rows.shown;
    rows.row(ui, "setting-communities", "setting-communities-about", |ui, rows| {
        let label = rows.cx.text("home-connect");
        if Button::new(&label).with_icon(icon::PLUS).show(ui, rows.cx.theme).clicked() {
            rows.cx.go(Go::Dialog(Dialog::Connect { address: String::new() }));
        }
    });
    if rows.shown == before {
        return;
    }
    let all: Vec<_> = rows.cx.state.communities.iter().collect();
    for (id, community) in all {
        entry(ui, rows.cx, id, community);
    }
}

fn state_of(cx: &Cx<'_>, community: &Community) -> (String, Color32) {
    let colors = cx.theme.colors;
    let (key, color) = match community.connection {
        Connection::Online => ("connection-online", colors.good),
        Connection::Connecting => ("connection-connecting", colors.warn),
        Connection::Offline(_) => ("connection-offline", colors.live),
    };
    (cx.words.fill(key, "name", &community.name), color)
}

fn entry(ui: &mut Ui, cx: &mut Cx<'_>, id: &CommunityId, community: &Community) {
    let (theme, colors) = (cx.theme, cx.theme.colors);
    let frame =
        egui::Frame::new().fill(colors.surface).corner_radius(theme.card_corners()).inner_margin(Margin::same(12));
    ui.push_id(&id.0, |ui| {
        frame.show(ui, |ui| {
            ui.horizontal(|ui| {
                let (words, color) = state_of(cx, community);
                ui.label(egui::RichText::new(icon::HARD_DRIVES).font(theme.icon(20.0, false)).color(color))
                    .on_hover_text(&words);
                let room = (300.0 * theme.growth()).min(ui.available_width() * 0.5);
                ui.vertical(|ui| {
                    ui.set_width(ui.available_width() - room);
                    ui.spacing_mut().item_spacing.y = 2.0;
                    text::line(ui, theme, &community.name, Type::Body, Weight::Strong, colors.text);
                    let about =
                        if community.embedded { cx.text("community-embedded") } else { community.address.clone() };
                    text::line(ui, theme, &about, Type::Small, Weight::Regular, colors.faint);
                    let who = match &community.person {
                        Some(person) if !person.guest => cx.words.fill("account-signed-in", "name", &person.name),
                        _ => cx.text("account-guest"),
                    };
                    text::line(ui, theme, &who, Type::Small, Weight::Regular, colors.quiet);
                    let limited = match community.sharing {
                        SharingDefault::On => None,
                        SharingDefault::Crowd => Some("community-sharing-crowd"),
                        SharingDefault::Lan => Some("community-sharing-lan"),
                        SharingDefault::Off => Some("community-sharing-off"),
                    };
                    if let Some(key) = limited {
                        text::line(ui, theme, &cx.text(key), Type::Small, Weight::Regular, colors.quiet);
                    }
                });
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| buttons(ui, cx, id, community));
            });
        });
    });
}

fn buttons(ui: &mut Ui, cx: &mut Cx<'_>, id: &CommunityId, community: &Community) {
    if !community.embedded && Button::new(&cx.text("community-leave")).kind(Kind::Quiet).show(ui, cx.theme).clicked() {
        cx.go(Go::Dialog(Dialog::Leave(id.clone())));
    }
    let signed_in = community.person.as_ref().is_some_and(|person| !person.guest);
    let key = if signed_in { "community-sign-out" } else { "community-sign-in" };
    if Button::new(&cx.text(key)).show(ui, cx.theme).clicked() {
        if signed_in {
            cx.send(Command::SignOut(id.clone()));
        } else {
            let (community, name, password) = (id.clone(), String::new(), String::new());
            cx.go(Go::Dialog(Dialog::SignIn { community, name, password }));
        }
    }
    if matches!(community.connection, Connection::Offline(_))
        && Button::icon(icon::ARROW_CLOCKWISE, &cx.text("retry")).show(ui, cx.theme).clicked()
    {
        cx.send(Command::Reconnect(id.clone()));
    }
}
