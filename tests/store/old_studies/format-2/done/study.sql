BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('v3.2.0.a');
CREATE TABLE hpsearch_lock (
	study VARCHAR(512) NOT NULL, 
	token VARCHAR(32) NOT NULL, 
	host VARCHAR(255) NOT NULL, 
	pid INTEGER NOT NULL, 
	started FLOAT NOT NULL, 
	beat FLOAT NOT NULL, 
	PRIMARY KEY (study)
);
CREATE TABLE studies (
	study_id INTEGER NOT NULL, 
	study_name VARCHAR(512) NOT NULL, 
	PRIMARY KEY (study_id)
);
INSERT INTO "studies" VALUES(1,'done/search');
INSERT INTO "studies" VALUES(2,'done/finalists');
CREATE TABLE study_directions (
	study_direction_id INTEGER NOT NULL, 
	direction VARCHAR(8) NOT NULL, 
	study_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	PRIMARY KEY (study_direction_id), 
	UNIQUE (study_id, objective), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_directions" VALUES(1,'MAXIMIZE',1,0);
INSERT INTO "study_directions" VALUES(2,'MAXIMIZE',2,0);
CREATE TABLE study_system_attributes (
	study_system_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_system_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE TABLE study_user_attributes (
	study_user_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_user_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_user_attributes" VALUES(1,1,'space','{"study": "old", "metric": "score", "direction": "maximize", "seed": 11, "objective": {"python": "objective:Objective", "epochs": 4}, "space": {"lr": {"loguniform": [0.03, 0.9]}, "sharpness": {"quniform": [0.1, 2.0, 0.1]}, "size": {"choice": [16, 32, 64]}, "kind": {"choice": {"plain": [1, 2], "none": null}}, "steps": {"lograndint": [1, 100]}, "name": "fixed"}, "search": {"trials": 5}, "prune": {"stall": {"patience": 1, "min_delta": 0.02}}, "finalists": {"configs": 2, "seeds": 2}, "ensemble": {"members": 2}}');
INSERT INTO "study_user_attributes" VALUES(2,1,'space_file','"space.yaml"');
INSERT INTO "study_user_attributes" VALUES(3,1,'module_folder','"@FOLDER@"');
INSERT INTO "study_user_attributes" VALUES(4,1,'space_hash','"9c0a2fdd32d441eb"');
INSERT INTO "study_user_attributes" VALUES(5,1,'rounds','[{"start": 0, "trials": 5, "epochs": 4, "kind": "search", "planned": 0, "bounds": {}, "levels": {"lr": 3, "sharpness": 3, "size": 3, "kind": 2, "steps": 4}}]');
INSERT INTO "study_user_attributes" VALUES(6,1,'trials','5');
INSERT INTO "study_user_attributes" VALUES(7,1,'created','"host:1"');
INSERT INTO "study_user_attributes" VALUES(8,1,'versions','{"python": "3.11.7", "hpsearch": "0.1.0", "optuna": "5.0.0", "torch": "2.15.0", "torchvision": "0.29.2", "ray": "2.60.0", "numpy": "2.4.6"}');
INSERT INTO "study_user_attributes" VALUES(9,1,'first','[]');
INSERT INTO "study_user_attributes" VALUES(10,1,'warm_start','[]');
INSERT INTO "study_user_attributes" VALUES(11,1,'format','2');
INSERT INTO "study_user_attributes" VALUES(12,1,'done','true');
INSERT INTO "study_user_attributes" VALUES(13,1,'spent','{"time_s": 20.819, "gpu_s": 0.0}');
INSERT INTO "study_user_attributes" VALUES(14,1,'ensemble','{"candidates": [["finalists", 2], ["finalists", 3], ["finalists", 0], ["finalists", 1]], "members": [{"stage": "finalists", "number": 3, "trial": 1, "seed": 726219475, "weight": 0.5013975538062244, "checkpoint": "finalists/00003/attempt-1/epoch-00001.pt"}, {"stage": "finalists", "number": 2, "trial": 1, "seed": 1389313980, "weight": 0.49860244619377553, "checkpoint": "finalists/00002/attempt-1/epoch-00001.pt"}], "vote": "soft", "val": {"ensemble": {"accuracy": 0.775, "log_loss": 0.5155628158971812, "n": 40}, "best_single": {"accuracy": 0.775, "log_loss": 0.51322305117182, "n": 40}, "mean_single": {"accuracy": 0.775, "log_loss": 0.5156067113123011, "n": 40}}}');
INSERT INTO "study_user_attributes" VALUES(15,1,'test_readings','[{"members": [["finalists", 3], ["finalists", 2]], "weights": [0.5013975538062244, 0.49860244619377553], "vote": "soft", "scores": {"ensemble": {"accuracy": 0.75, "log_loss": 0.5658825189274773, "n": 40}, "best_single": {"accuracy": 0.75, "log_loss": 0.5651784378678286, "n": 40}, "mean_single": {"accuracy": 0.75, "log_loss": 0.5659251903149896, "n": 40}}, "trials": 5, "seen_before": false}]');
CREATE TABLE trial_heartbeats (
	trial_heartbeat_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	heartbeat DATETIME NOT NULL, 
	PRIMARY KEY (trial_heartbeat_id), 
	UNIQUE (trial_id), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_intermediate_values (
	trial_intermediate_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	intermediate_value FLOAT, 
	intermediate_value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_intermediate_value_id), 
	UNIQUE (trial_id, step), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_intermediate_values" VALUES(1,1,1,-1.82056305092780656984e+00,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(2,1,2,-1.7424348653494103889e+00,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(3,1,3,-1.67053823935683665169e+00,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(4,1,4,-1.6042809971636213806e+00,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(5,2,1,-5.90589815978423748887e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(6,2,2,-5.66858644435044189968e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(7,2,3,-5.59932692802790343833e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(8,3,1,-1.0274430491379156205e+00,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(9,3,2,-0.93456724965659,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(10,3,3,-8.61955765158235798217e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(11,3,4,-8.04533758845497715128e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(12,4,1,-6.24795404702698786714e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(13,4,2,-0.619935377020004,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(14,5,1,-5.1616047368661432948e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(15,5,2,-5.82375261149250866843e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(16,6,1,-7.50535643618807646326e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(17,6,2,-6.51001879395973093167e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(18,6,3,-6.28751482683239215631e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(19,6,4,-6.22512083735808796625e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(20,7,1,-7.91753980874797869127e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(21,7,2,-6.61926753501950626557e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(22,7,3,-6.31972414726094333659e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(23,7,4,-6.23503279812921085145e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(24,8,1,-5.17990371452782150107e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(25,8,2,-5.43058504117421514401e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(26,8,3,-0.552120438465739,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(27,8,4,-5.5518531680831528785e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(28,9,1,-0.51322305117182,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(29,9,2,-5.4132443847748579202e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(30,9,3,-5.51528654679378615988e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(31,9,4,-5.5498843998297553437e-01,'FINITE');
CREATE TABLE trial_params (
	param_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	param_name VARCHAR(512), 
	param_value FLOAT, 
	distribution_json TEXT, 
	PRIMARY KEY (param_id), 
	UNIQUE (trial_id, param_name), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_params" VALUES(1,1,'lr',3.91722248800952729808e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.03, "high": 0.9, "log": true}}');
INSERT INTO "trial_params" VALUES(2,1,'sharpness',1.44186180424139664957e+00,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.1, "high": 2.0, "log": false}}');
INSERT INTO "trial_params" VALUES(3,1,'size',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [16, 32, 64]}}');
INSERT INTO "trial_params" VALUES(4,1,'kind',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["plain", "none"]}}');
INSERT INTO "trial_params" VALUES(5,1,'steps',6.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 100}}');
INSERT INTO "trial_params" VALUES(6,2,'lr',6.71620793101135094005e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.03, "high": 0.9, "log": true}}');
INSERT INTO "trial_params" VALUES(7,2,'sharpness',1.03884199358934281587e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.1, "high": 2.0, "log": false}}');
INSERT INTO "trial_params" VALUES(8,2,'size',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [16, 32, 64]}}');
INSERT INTO "trial_params" VALUES(9,2,'kind',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["plain", "none"]}}');
INSERT INTO "trial_params" VALUES(10,2,'steps',8.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 100}}');
INSERT INTO "trial_params" VALUES(11,3,'lr',1.46163468481389391406e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.03, "high": 0.9, "log": true}}');
INSERT INTO "trial_params" VALUES(12,3,'sharpness',9.4563211921834144924e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.1, "high": 2.0, "log": false}}');
INSERT INTO "trial_params" VALUES(13,3,'size',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [16, 32, 64]}}');
INSERT INTO "trial_params" VALUES(14,3,'kind',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["plain", "none"]}}');
INSERT INTO "trial_params" VALUES(15,3,'steps',72.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 100}}');
INSERT INTO "trial_params" VALUES(16,4,'lr',6.0131340270357658273e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.03, "high": 0.9, "log": true}}');
INSERT INTO "trial_params" VALUES(17,4,'sharpness',1.1442863591645725807e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.1, "high": 2.0, "log": false}}');
INSERT INTO "trial_params" VALUES(18,4,'size',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [16, 32, 64]}}');
INSERT INTO "trial_params" VALUES(19,4,'kind',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["plain", "none"]}}');
INSERT INTO "trial_params" VALUES(20,4,'steps',2.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 100}}');
INSERT INTO "trial_params" VALUES(21,5,'lr',6.85969788509266598097e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.03, "high": 0.9, "log": true}}');
INSERT INTO "trial_params" VALUES(22,5,'sharpness',1.08143615204926102357e+00,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.1, "high": 2.0, "log": false}}');
INSERT INTO "trial_params" VALUES(23,5,'size',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [16, 32, 64]}}');
INSERT INTO "trial_params" VALUES(24,5,'kind',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["plain", "none"]}}');
INSERT INTO "trial_params" VALUES(25,5,'steps',2.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 100}}');
INSERT INTO "trial_params" VALUES(26,6,'lr',6.85969788509266598097e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.03, "high": 0.9, "log": true}}');
INSERT INTO "trial_params" VALUES(27,6,'sharpness',1.08143615204926102357e+00,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.1, "high": 2.0, "log": false}}');
INSERT INTO "trial_params" VALUES(28,6,'size',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [16, 32, 64]}}');
INSERT INTO "trial_params" VALUES(29,6,'kind',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["plain", "none"]}}');
INSERT INTO "trial_params" VALUES(30,6,'steps',2.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 100}}');
INSERT INTO "trial_params" VALUES(31,7,'lr',6.85969788509266598097e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.03, "high": 0.9, "log": true}}');
INSERT INTO "trial_params" VALUES(32,7,'sharpness',1.08143615204926102357e+00,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.1, "high": 2.0, "log": false}}');
INSERT INTO "trial_params" VALUES(33,7,'size',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [16, 32, 64]}}');
INSERT INTO "trial_params" VALUES(34,7,'kind',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["plain", "none"]}}');
INSERT INTO "trial_params" VALUES(35,7,'steps',2.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 100}}');
INSERT INTO "trial_params" VALUES(36,8,'lr',6.71620793101135094005e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.03, "high": 0.9, "log": true}}');
INSERT INTO "trial_params" VALUES(37,8,'sharpness',1.03884199358934281587e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.1, "high": 2.0, "log": false}}');
INSERT INTO "trial_params" VALUES(38,8,'size',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [16, 32, 64]}}');
INSERT INTO "trial_params" VALUES(39,8,'kind',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["plain", "none"]}}');
INSERT INTO "trial_params" VALUES(40,8,'steps',8.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 100}}');
INSERT INTO "trial_params" VALUES(41,9,'lr',6.71620793101135094005e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.03, "high": 0.9, "log": true}}');
INSERT INTO "trial_params" VALUES(42,9,'sharpness',1.03884199358934281587e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.1, "high": 2.0, "log": false}}');
INSERT INTO "trial_params" VALUES(43,9,'size',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [16, 32, 64]}}');
INSERT INTO "trial_params" VALUES(44,9,'kind',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["plain", "none"]}}');
INSERT INTO "trial_params" VALUES(45,9,'steps',8.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 100}}');
CREATE TABLE trial_system_attributes (
	trial_system_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_system_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_user_attributes (
	trial_user_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_user_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_user_attributes" VALUES(1,1,'seed','978917532');
INSERT INTO "trial_user_attributes" VALUES(2,1,'attempt','1');
INSERT INTO "trial_user_attributes" VALUES(3,1,'best_epoch','4');
INSERT INTO "trial_user_attributes" VALUES(4,1,'epochs','4');
INSERT INTO "trial_user_attributes" VALUES(5,1,'seconds','12.808');
INSERT INTO "trial_user_attributes" VALUES(6,1,'worker','"host:1"');
INSERT INTO "trial_user_attributes" VALUES(7,1,'stop_reason','"finished"');
INSERT INTO "trial_user_attributes" VALUES(8,2,'seed','2900492376');
INSERT INTO "trial_user_attributes" VALUES(9,2,'attempt','1');
INSERT INTO "trial_user_attributes" VALUES(10,2,'best_epoch','3');
INSERT INTO "trial_user_attributes" VALUES(11,2,'epochs','3');
INSERT INTO "trial_user_attributes" VALUES(12,2,'seconds','0.037');
INSERT INTO "trial_user_attributes" VALUES(13,2,'worker','"host:1"');
INSERT INTO "trial_user_attributes" VALUES(14,2,'stop_reason','"stalled"');
INSERT INTO "trial_user_attributes" VALUES(15,3,'seed','1388746651');
INSERT INTO "trial_user_attributes" VALUES(16,3,'attempt','1');
INSERT INTO "trial_user_attributes" VALUES(17,3,'best_epoch','4');
INSERT INTO "trial_user_attributes" VALUES(18,3,'epochs','4');
INSERT INTO "trial_user_attributes" VALUES(19,3,'seconds','0.032');
INSERT INTO "trial_user_attributes" VALUES(20,3,'worker','"host:1"');
INSERT INTO "trial_user_attributes" VALUES(21,3,'stop_reason','"finished"');
INSERT INTO "trial_user_attributes" VALUES(22,4,'seed','2265206561');
INSERT INTO "trial_user_attributes" VALUES(23,4,'attempt','1');
INSERT INTO "trial_user_attributes" VALUES(24,4,'best_epoch','2');
INSERT INTO "trial_user_attributes" VALUES(25,4,'epochs','2');
INSERT INTO "trial_user_attributes" VALUES(26,4,'seconds','0.033');
INSERT INTO "trial_user_attributes" VALUES(27,4,'worker','"host:1"');
INSERT INTO "trial_user_attributes" VALUES(28,4,'stop_reason','"stalled"');
INSERT INTO "trial_user_attributes" VALUES(29,5,'seed','3200772518');
INSERT INTO "trial_user_attributes" VALUES(30,5,'attempt','1');
INSERT INTO "trial_user_attributes" VALUES(31,5,'best_epoch','1');
INSERT INTO "trial_user_attributes" VALUES(32,5,'epochs','2');
INSERT INTO "trial_user_attributes" VALUES(33,5,'seconds','0.027');
INSERT INTO "trial_user_attributes" VALUES(34,5,'worker','"host:1"');
INSERT INTO "trial_user_attributes" VALUES(35,5,'stop_reason','"stalled"');
INSERT INTO "trial_user_attributes" VALUES(36,6,'seed','1039070039');
INSERT INTO "trial_user_attributes" VALUES(37,6,'attempt','1');
INSERT INTO "trial_user_attributes" VALUES(38,6,'source','4');
INSERT INTO "trial_user_attributes" VALUES(39,6,'replicate','0');
INSERT INTO "trial_user_attributes" VALUES(40,6,'best_epoch','4');
INSERT INTO "trial_user_attributes" VALUES(41,6,'epochs','4');
INSERT INTO "trial_user_attributes" VALUES(42,6,'seconds','0.045');
INSERT INTO "trial_user_attributes" VALUES(43,6,'worker','"host:1"');
INSERT INTO "trial_user_attributes" VALUES(44,6,'stop_reason','"finished"');
INSERT INTO "trial_user_attributes" VALUES(45,7,'seed','741655665');
INSERT INTO "trial_user_attributes" VALUES(46,7,'attempt','1');
INSERT INTO "trial_user_attributes" VALUES(47,7,'source','4');
INSERT INTO "trial_user_attributes" VALUES(48,7,'replicate','1');
INSERT INTO "trial_user_attributes" VALUES(49,7,'best_epoch','4');
INSERT INTO "trial_user_attributes" VALUES(50,7,'epochs','4');
INSERT INTO "trial_user_attributes" VALUES(51,7,'seconds','0.083');
INSERT INTO "trial_user_attributes" VALUES(52,7,'worker','"host:1"');
INSERT INTO "trial_user_attributes" VALUES(53,7,'stop_reason','"finished"');
INSERT INTO "trial_user_attributes" VALUES(54,8,'seed','1389313980');
INSERT INTO "trial_user_attributes" VALUES(55,8,'attempt','1');
INSERT INTO "trial_user_attributes" VALUES(56,8,'source','1');
INSERT INTO "trial_user_attributes" VALUES(57,8,'replicate','0');
INSERT INTO "trial_user_attributes" VALUES(58,8,'best_epoch','1');
INSERT INTO "trial_user_attributes" VALUES(59,8,'epochs','4');
INSERT INTO "trial_user_attributes" VALUES(60,8,'seconds','0.038');
INSERT INTO "trial_user_attributes" VALUES(61,8,'worker','"host:1"');
INSERT INTO "trial_user_attributes" VALUES(62,8,'stop_reason','"finished"');
INSERT INTO "trial_user_attributes" VALUES(63,9,'seed','726219475');
INSERT INTO "trial_user_attributes" VALUES(64,9,'attempt','1');
INSERT INTO "trial_user_attributes" VALUES(65,9,'source','1');
INSERT INTO "trial_user_attributes" VALUES(66,9,'replicate','1');
INSERT INTO "trial_user_attributes" VALUES(67,9,'best_epoch','1');
INSERT INTO "trial_user_attributes" VALUES(68,9,'epochs','4');
INSERT INTO "trial_user_attributes" VALUES(69,9,'seconds','0.042');
INSERT INTO "trial_user_attributes" VALUES(70,9,'worker','"host:1"');
INSERT INTO "trial_user_attributes" VALUES(71,9,'stop_reason','"finished"');
CREATE TABLE trial_values (
	trial_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	value FLOAT, 
	value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_value_id), 
	UNIQUE (trial_id, objective), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_values" VALUES(1,1,0,-1.6042809971636213806e+00,'FINITE');
INSERT INTO "trial_values" VALUES(2,2,0,-5.59932692802790343833e-01,'FINITE');
INSERT INTO "trial_values" VALUES(3,3,0,-8.04533758845497715128e-01,'FINITE');
INSERT INTO "trial_values" VALUES(4,4,0,-0.619935377020004,'FINITE');
INSERT INTO "trial_values" VALUES(5,5,0,-5.1616047368661432948e-01,'FINITE');
INSERT INTO "trial_values" VALUES(6,6,0,-6.22512083735808796625e-01,'FINITE');
INSERT INTO "trial_values" VALUES(7,7,0,-6.23503279812921085145e-01,'FINITE');
INSERT INTO "trial_values" VALUES(8,8,0,-5.17990371452782150107e-01,'FINITE');
INSERT INTO "trial_values" VALUES(9,9,0,-0.51322305117182,'FINITE');
CREATE TABLE trials (
	trial_id INTEGER NOT NULL, 
	number INTEGER, 
	study_id INTEGER, 
	state VARCHAR(8) NOT NULL, 
	datetime_start DATETIME, 
	datetime_complete DATETIME, 
	PRIMARY KEY (trial_id), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "trials" VALUES(1,0,1,'COMPLETE','2026-11-21 16:36:10.304891','2026-11-21 16:36:23.808318');
INSERT INTO "trials" VALUES(2,1,1,'COMPLETE','2026-11-21 16:36:23.831375','2026-11-21 16:36:24.577936');
INSERT INTO "trials" VALUES(3,2,1,'COMPLETE','2026-11-21 16:36:24.581396','2026-11-21 16:36:25.322030');
INSERT INTO "trials" VALUES(4,3,1,'COMPLETE','2026-11-21 16:36:25.323393','2026-11-21 16:36:25.979490');
INSERT INTO "trials" VALUES(5,4,1,'COMPLETE','2026-11-21 16:36:25.989141','2026-11-21 16:36:26.653473');
INSERT INTO "trials" VALUES(6,0,2,'COMPLETE','2026-11-21 16:36:26.661212','2026-11-21 16:36:27.311938');
INSERT INTO "trials" VALUES(7,1,2,'COMPLETE','2026-11-21 16:36:27.321491','2026-11-21 16:36:28.093356');
INSERT INTO "trials" VALUES(8,2,2,'COMPLETE','2026-11-21 16:36:28.094480','2026-11-21 16:36:28.693787');
INSERT INTO "trials" VALUES(9,3,2,'COMPLETE','2026-11-21 16:36:28.694850','2026-11-21 16:36:29.468037');
CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);
INSERT INTO "version_info" VALUES(1,12,'5.0.0');
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE INDEX ix_trials_study_id ON trials (study_id);
COMMIT;
